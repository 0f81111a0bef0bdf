import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { certfleetCommand, showVolume } from './certfleet-command.ts';
import { parseVolumesView } from './volumes-view.ts';

describe('showVolume', () => {
  test('has the id as one argument that is no flag', () => {
    assert.equal(showVolume('csi-1'), 'certfleet show csi-1');
    assert.equal(showVolume('csi 1;id'), "certfleet show 'csi 1;id'");
    assert.equal(showVolume('--controller=evil'), undefined);
  });
});

describe('certfleetCommand', () => {
  test('lists the volumes of the table, quoted for a shell', () => {
    const commandOf = (query: string, path?: '/at-risk'): string | undefined =>
      certfleetCommand(parseVolumesView(query, path));
    assert.equal(commandOf(''), 'certfleet list --sort=renews');
    assert.equal(
      commandOf("?namespace=shop&pod=*web*&state=failing,expired&search=it's&sort=expires"),
      "certfleet list --search='it'\\''s' --namespace=shop --pod='*web*' --state=expired,failing --sort=expires",
    );
    assert.equal(
      commandOf('?expiresBefore=24h', '/at-risk'),
      'certfleet list --at-risk --expires-before=24h --sort=expires',
    );
    assert.equal(
      commandOf('?signature=*sha1*&rsaBelow=3072&isCa=true&requestedOver=90d&usage=any,server+auth'),
      "certfleet list --is-ca --rsa-below=3072 --signature='*sha1*' --requested-over=90d --usage='any,server auth' --sort=renews",
    );
    assert.equal(
      commandOf(`?caFingerprint=${'ab'.repeat(32)}`),
      `certfleet list --ca-fingerprint=${'ab'.repeat(32)} --sort=renews`,
    );
    assert.equal(commandOf('?group=issuer&order=desc'), 'certfleet list --group-by=issuer');
  });

  test('has the order and every filter of the table', () => {
    const commandOf = (query: string, path?: '/at-risk'): string => certfleetCommand(parseVolumesView(query, path));
    assert.equal(commandOf('?sort=pod&order=desc'), 'certfleet list --sort=pod --order=desc');
    assert.equal(commandOf('?isCa=false'), 'certfleet list --not-ca --sort=renews');
    assert.equal(
      commandOf('?risk=lane-paused,failing&renewsAfter=1h&renewsBefore=2h'),
      'certfleet list --risk=lane-paused,failing --renews-after=1h --renews-before=2h --sort=renews',
    );
    assert.equal(commandOf('?risk=failing', '/at-risk'), 'certfleet list --risk=failing --sort=expires');
    assert.equal(
      commandOf('?issuedAfter=2026-11-26T12:00:00Z&expiresAfter=90d'),
      'certfleet list --expires-after=90d --issued-after=2026-11-26T12:00:00Z --sort=renews',
    );
  });
});
