import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { certfleetCommand } from './certfleet-command.ts';
import { parseVolumesView } from './volumes-view.ts';

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
    assert.equal(commandOf('?isCa=false'), undefined);
    assert.equal(commandOf('?group=issuer'), 'certfleet list --group-by=issuer');
  });

  test('is not offered for a filter that the command line lacks', () => {
    assert.equal(certfleetCommand(parseVolumesView('?renewsBefore=1h')), undefined);
    assert.equal(certfleetCommand(parseVolumesView('?risk=lane-paused')), undefined);
  });
});
