import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Secret } from '@certfleet/shared/secret.ts';
import {
  decodeVolumeRecord,
  decodeVolumeSecrets,
  encodeVolumeRecord,
  encodeVolumeSecrets,
} from './volume-record-json.ts';
import type { VolumeRecord } from './volume-record.ts';

const date = fc.date({ noInvalidDate: true, min: new Date('1970-01-01'), max: new Date('9999-01-01') });
const text = fc.string({ unit: 'grapheme' });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const plain = <T>(fields: { [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> =>
  fc.record<T>(fields, { noNullPrototype: true });
const recordArbitrary: fc.Arbitrary<VolumeRecord> = plain({
  volumeId: text,
  targetPath: text,
  attributes: fc.dictionary(text, text, { noNullPrototype: true }),
  volumeMountGroup: text,
  podValues: maybe(fc.dictionary(text, text, { noNullPrototype: true })),
  createdAt: date,
  phase: fc.constantFrom('created' as const, 'published' as const),
  generation: fc.nat(),
  issued: maybe(
    plain({
      requestName: maybe(text),
      ...{ serialNumber: text, fingerprintSha256: text, caFingerprintsSha256: fc.array(text) },
      ...{ notBefore: date, notAfter: date, issuedAt: date, renewAt: date, podAddresses: maybe(text) },
    }),
  ),
  lastFailure: maybe(
    plain({
      ...{ at: date, since: maybe(date), reason: text, message: text },
      ...{ attempts: fc.nat(), retryAt: maybe(date) },
    }),
  ),
  deferredUntil: maybe(date),
  request: maybe(plain({ abandoned: fc.nat(), refusals: fc.nat(), sentAt: maybe(date) })),
  obsoleteRequests: maybe(fc.array(text)),
  signalledGeneration: maybe(fc.nat()),
  trust: maybe(
    plain({
      certificateSha256: text,
      ownCaFingerprints: fc.array(text),
      sources: fc.array(plain({ source: text, fingerprints: fc.array(text) })),
    }),
  ),
});

describe('volume record JSON', () => {
  test('reads back every record it wrote, frozen', () => {
    fc.assert(
      fc.property(recordArbitrary, (record) => {
        const read = decodeVolumeRecord(encodeVolumeRecord(record));
        assert.deepEqual(read, record);
        assert.ok(
          [read, read.attributes, read.issued, read.lastFailure].every((part) => Object.isFrozen(part ?? read)),
        );
      }),
    );
  });

  const record: VolumeRecord = {
    volumeId: 'vol',
    targetPath: '/target',
    attributes: { 'csi.cert-manager.io/issuer-name': 'ca' },
    volumeMountGroup: '',
    createdAt: new Date(0),
    phase: 'created',
    generation: 0,
  };

  test('reports a truncated record as damaged, and never reads another record from it', () => {
    const whole = encodeVolumeRecord(record);
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => decodeVolumeRecord(whole.slice(0, length)), {
        code: 'failed-precondition',
        reason: 'DamagedVolume',
      });
    }
  });

  test('reports what is wrong with a damaged record', () => {
    const changed = (change: object): string => JSON.stringify({ schemaVersion: 1, ...record, ...change });
    const cases: [string, RegExp][] = [
      ['[]', /expected an object, found a list/],
      ['{}', /schemaVersion: expected a whole number of 0 or more, found nothing/],
      [changed({ schemaVersion: 2 }), /schemaVersion: expected 1, found 2/],
      [changed({ phase: 'gone' }), /phase: expected created or published/],
      [changed({ attributes: { a: 1 } }), /a: expected a string, found some number/],
      [changed({ createdAt: 'yesterday' }), /createdAt: expected an RFC 3339 time/],
      [changed({ issued: null }), /issued: expected an object, found null/],
      [changed({ generation: -1 }), /generation: expected a whole number of 0 or more, found some number/],
    ];
    for (const [json, message] of cases) assert.throws(() => decodeVolumeRecord(json), { message });
  });

  test('refuses to write a secret attribute into the metadata', () => {
    for (const key of [
      'csi.cert-manager.io/pkcs12-password',
      'csi.cert-manager.io/keystore-pkcs12-password',
      'csi.cert-manager.io/jks-password',
      'csi.storage.k8s.io/serviceAccount.tokens',
    ]) {
      const leaking = { ...record, attributes: { [key]: 'hunter2' } };
      assert.throws(
        () => encodeVolumeRecord(leaking),
        (error: Error) => !error.message.includes('hunter2'),
      );
    }
  });

  test('reads back secrets, which appear nowhere else', () => {
    const secrets = {
      pkcs12Password: new Secret('hunter2'),
      jksPassword: new Secret('hunter3'),
      pendingKeyPem: new Secret('key'),
    };
    const read = decodeVolumeSecrets(encodeVolumeSecrets(secrets));
    assert.equal(read.pkcs12Password?.reveal(), 'hunter2');
    assert.equal(read.jksPassword?.reveal(), 'hunter3');
    assert.equal(read.pendingKeyPem?.reveal(), 'key');
    assert.equal(read.serviceAccountTokens, undefined);
    assert.doesNotMatch(JSON.stringify(read), /hunter/);
  });

  test('repeats nothing of damaged secrets in the error', () => {
    for (const torn of [
      '{"schemaVersion":1,"keystorePassword":"hunter2',
      'hunter2',
      '{"schemaVersion":1,"pendingKeyPem":["hunter2"]}',
    ]) {
      assert.throws(
        () => decodeVolumeSecrets(torn),
        (error: Error) => {
          assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /hunter2/);
          return true;
        },
      );
    }
  });
});
