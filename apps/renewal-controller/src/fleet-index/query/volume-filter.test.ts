import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { volumeFilter } from './volume-filter.ts';
import { exactName, namePattern } from './name-pattern.ts';

const ca = 'ab'.repeat(32);
const names = { dnsNames: ['Mail.example.com'], uris: ['spiffe://prod/ns/shop/sa/web'], ipAddresses: ['192.0.2.7'] };
const times = { notAfterMs: 1_000, renewAtMs: 2_000, issuedAtMs: 3_000 };
const volume = {
  node: 'worker-1',
  volumeId: 'csi-1',
  namespace: 'shop',
  pod: 'web-0',
  workload: 'Deployment/web',
  labels: ['team=payments', 'tier=front'],
  issuer: { group: 'cert-manager.io', kind: 'Issuer', namespace: 'shop', name: 'issuer-1999' },
  certificate: { caFingerprints: [ca], fingerprint: 'cd'.repeat(32), serial: '0A1B2C', ...times, ...names },
  failure: { atMs: 1, reason: 'RequestDenied', message: 'Policy “internal” forbids the name', attempts: 2 },
} as unknown as IndexedVolume;

const matches = (filter: VolumeFilter): boolean => volumeFilter(filter)(volume, 'healthy');

describe('volumeFilter', () => {
  test('accepts an issuer as its key and as the page shows it', () => {
    for (const issuer of ['Issuer.cert-manager.io/shop/issuer-1999', 'issuer-1999', 'shop/issuer-1999', '*1999'])
      assert.ok(matches({ issuer }), issuer);
    for (const issuer of ['issuer', 'issuer-199', 'data/issuer-1999', '*issuer'])
      assert.ok(!matches({ issuer }), issuer);
  });

  test('accepts a part of a name between asterisks, and otherwise only the whole name', () => {
    assert.ok(matches({ namespace: 'sh*', pod: '*EB*', node: '*-1' }));
    assert.ok(!matches({ namespace: 'sho' }));
    assert.ok(!matches({ pod: 'we*1' }));
  });

  test('accepts several names, separated by commas', () => {
    assert.ok(matches({ namespace: 'data, shop', pod: 'web-0,web-1', node: '*-9,*-1', issuer: 'ca,issuer-1999' }));
    assert.ok(matches({ workload: 'Job/x,Deployment/web', label: 'team=core,team=pay*' }));
    for (const filter of [{ namespace: 'data,mail' }, { namespace: ',' }, { pod: 'shop,web' }, { issuer: 'ca,issuer' }])
      assert.ok(!matches(filter), JSON.stringify(filter));
    assert.ok(!matches({ label: 'team=payments,tier=back' }), 'each key must match');
  });

  test('accepts a span of time: from its start, before its end', () => {
    const at = (ms: number): string => new Date(ms).toISOString();
    for (const [after, before, ms] of [
      ['expiresAfter', 'expiresBefore', 1_000],
      ['renewsAfter', 'renewsBefore', 2_000],
      ['issuedAfter', 'issuedBefore', 3_000],
    ] as const) {
      assert.ok(matches({ [after]: at(ms), [before]: at(ms + 1) }), after);
      assert.ok(!matches({ [after]: at(ms + 1) }), after);
      assert.ok(!matches({ [before]: at(ms) }), before);
    }
    const pending = { ...volume, certificate: undefined } as unknown as IndexedVolume;
    assert.ok(!volumeFilter({ expiresAfter: at(0) })(pending, 'pending'));
  });

  test('looks up only a single name', () => {
    assert.equal(exactName('worker-1'), 'worker-1');
    assert.equal(exactName('worker-*'), undefined);
    assert.equal(exactName('worker-1,worker-2'), undefined);
  });

  test('accepts a fingerprint as OpenSSL prints it', () => {
    const colons = ca.toUpperCase().match(/../g)?.join(':') ?? '';
    assert.ok(matches({ caFingerprint: colons }));
    assert.ok(matches({ caFingerprint: ca.toUpperCase() }));
    assert.ok(!matches({ caFingerprint: 'ef'.repeat(32) }));
  });

  test('searches names of the certificate, the last failure, and hexadecimal numbers with and without colons', () => {
    const found = [
      'mail.EX',
      'ns/shop/sa',
      '2.0.2.7',
      'requestDENIED',
      'internal” forbids',
      'a1b2',
      '0A:1B:2C',
      'CD:CD',
      'abab',
    ];
    for (const search of found) assert.ok(matches({ search }), search);
    for (const search of ['mail.org', 'approved', 'a1:2c', '0a1b2cx', '::']) assert.ok(!matches({ search }), search);
  });

  test('searches a pod by a part of its namespace, its name or both', () => {
    for (const search of ['sho', 'EB-0', 'shop/web-0', 'SHOP/we', 'op/w', 'shop/', '/web'])
      assert.ok(matches({ search }), search);
    for (const search of ['shop/eb-0', 'sho/web-0', 'web-0/shop', 'shop//web']) assert.ok(!matches({ search }), search);
  });

  test('matches a pattern with many asterisks in linear time', () => {
    const isMatch = namePattern(`${'*a'.repeat(200)}b`);
    assert.ok(!isMatch('a'.repeat(5_000)));
    assert.ok(isMatch(`${'a'.repeat(5_000)}b`));
  });

  test('does not use a character of a name twice', () => {
    assert.ok(!namePattern('ab*ba')('aba'));
    assert.ok(namePattern('ab*ba')('abba'));
    assert.ok(!namePattern('a*bc*c')('abc'));
  });
});
