import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reportedProbeFailures, reportedServedStates } from '@certfleet/fleet-model/report-terms.ts';
import { Served_Failure, VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Posture, Served_State, Workload } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import fc from 'fast-check';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import { decodeVolume, encodeVolume } from './volume-json.ts';
import { indexedVolumeOf, trustedCaFingerprints } from './indexed-volume.ts';
import type { IndexedVolume } from './indexed-volume.ts';

const time = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });
const text = fc.string({ maxLength: 40 });
/** Of an object; the characters of patterns and keys have a test of their own. */
const name = text.filter((each) => !/[*,/]/.test(each));
const fingerprint = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const reports = fc.record({
  volumeId: fc.string({ minLength: 1, maxLength: 80 }),
  pod: fc.record({ namespace: name, name, uid: text }),
  issuer: fc.record({ group: name, kind: name, name }),
  generation: fc.nat(),
  state: fc.constantFrom(0, 1, 2, 3, 4),
  keyType: fc.constantFrom(0, 1, 2, 3),
  cause: fc.constantFrom(0, 1, 2, 3),
  certificate: fc.option(
    fc.record({
      serialNumber: text,
      fingerprintSha256: text,
      notBefore: time,
      notAfter: time,
      renewAt: time,
      issuedAt: time,
      caFingerprintsSha256: fc.array(text, { maxLength: 4 }),
      subject: text,
      dnsNames: fc.array(text, { maxLength: 4 }),
      uris: fc.array(text, { maxLength: 4 }),
      ipAddresses: fc.array(text, { maxLength: 4 }),
      posture: fc.option(
        fc.record({
          keyBits: fc.nat(),
          curve: text,
          signatureAlgorithm: fc.string({ minLength: 1, maxLength: 40 }),
          requestedSeconds: fc.nat(),
          isCa: fc.boolean(),
          usages: fc.array(text, { maxLength: 4 }),
        }),
        { nil: undefined },
      ),
    }),
    { nil: undefined },
  ),
  lastFailure: fc.option(
    fc.record({
      at: time,
      reason: text,
      message: text,
      attempts: fc.integer({ min: 1, max: 1000 }),
      since: fc.option(
        time.filter((date) => date.getTime() > 0),
        { nil: undefined },
      ),
    }),
    { nil: undefined },
  ),
  // The index stores 0 without a deferral.
  deferredUntil: fc.option(
    time.filter((date) => date.getTime() > 0),
    { nil: undefined },
  ),
  lastIssuanceMs: fc.nat(),
  served: fc.option(
    fc.record({
      state: fc.constantFrom(...Object.values(reportedServedStates)),
      since: time.filter((date) => date.getTime() > 0),
      failure: fc.constantFrom(Served_Failure.UNSPECIFIED, ...Object.values(reportedProbeFailures)),
    }),
    { nil: undefined },
  ),
  workload: fc.option(
    fc.record({ kind: fc.constantFrom('Deployment', 'Job', ''), name: fc.string({ minLength: 1, maxLength: 40 }) }),
    { nil: undefined },
  ),
  podLabels: fc.array(fc.record({ key: fc.stringMatching(/^[a-z./]{1,9}$/), value: text }), { maxLength: 8 }),
  additionalTrust: fc.option(
    fc.record({ caFingerprintsSha256: fc.array(fc.oneof(text, fingerprint), { minLength: 1, maxLength: 4 }) }),
    { nil: undefined },
  ),
  rollsWorkload: fc.boolean(),
  podIsOutdated: fc.boolean(),
});

/** The inverse of indexedVolumeOf. */
function volumeReportOf(volume: IndexedVolume): VolumeReport {
  const { certificate, failure, issuer } = volume;
  return {
    volumeId: volume.volumeId,
    pod: { namespace: volume.namespace, name: volume.pod, uid: volume.podUid },
    issuer: { group: issuer.group, kind: issuer.kind, name: issuer.name },
    generation: volume.generation,
    state: volume.state,
    keyType: volume.keyType,
    cause: volume.cause,
    lastIssuanceMs: volume.lastIssuanceMs ?? 0,
    certificate: certificate && {
      serialNumber: certificate.serial,
      fingerprintSha256: certificate.fingerprint,
      notBefore: new Date(certificate.notBeforeMs),
      notAfter: new Date(certificate.notAfterMs),
      renewAt: new Date(certificate.renewAtMs),
      issuedAt: new Date(certificate.issuedAtMs),
      caFingerprintsSha256: [...certificate.caFingerprints],
      subject: certificate.subject,
      dnsNames: [...certificate.dnsNames],
      uris: [...certificate.uris],
      ipAddresses: [...certificate.ipAddresses],
      posture: postureOf(volume),
    },
    lastFailure: failure && {
      at: new Date(failure.atMs),
      reason: failure.reason,
      message: failure.message,
      attempts: failure.attempts,
      since: volume.firstFailureMs === undefined ? undefined : new Date(volume.firstFailureMs),
    },
    deferredUntil: volume.deferredUntilMs === undefined ? undefined : new Date(volume.deferredUntilMs),
    served: servedOf(volume),
    workload: workloadOf(volume),
    podLabels: (volume.labels ?? []).map((label) => ({
      key: label.slice(0, label.indexOf('=')),
      value: label.slice(label.indexOf('=') + 1),
    })),
    additionalTrust: volume.additionalCaFingerprints && {
      caFingerprintsSha256: [...volume.additionalCaFingerprints],
    },
    rollsWorkload: volume.rollsWorkload === 1,
    podIsOutdated: volume.podIsOutdated === 1,
  };
}

function workloadOf({ workload }: IndexedVolume): Workload | undefined {
  const [, kind = '', name = ''] = /^([^/]*)\/([^]*)$/.exec(workload ?? '') ?? [];
  return workload === undefined ? undefined : { kind, name };
}

function postureOf(volume: IndexedVolume): Posture | undefined {
  const { keyBits = 0, curve = '', signatureAlgorithm, requestedSeconds = 0, isCa, usages = [] } = volume;
  if (signatureAlgorithm === undefined) return undefined;
  return { keyBits, curve, signatureAlgorithm, requestedSeconds, isCa: isCa === 1, usages: [...usages] };
}

function servedOf({ served, servedSinceMs, probeFailure }: IndexedVolume): VolumeReport['served'] {
  if (served === undefined || servedSinceMs === undefined) return undefined;
  const failure = probeFailure === undefined ? Served_Failure.UNSPECIFIED : reportedProbeFailures[probeFailure];
  return { state: reportedServedStates[served], since: new Date(servedSinceMs), failure };
}

describe('indexedVolumeOf', () => {
  test('preserves a report over the wire, the index and back', () => {
    fc.assert(
      fc.property(reports, (drawn) => {
        const report = VolumeReport.decode(VolumeReport.encode(VolumeReport.fromPartial(drawn)).finish());
        const state = indexedVolumeOf('node-a', report);
        assert.deepEqual(decodeVolume('node-a', state.volumeId, encodeVolume(state)), state);
        assert.deepEqual(volumeReportOf(state), report);
      }),
    );
  });

  test('ends a record with the fields that a volume may lack, and omits trailing ones', () => {
    const good = reportOf({ id: 'v1' });
    const endOf = (fields: Partial<VolumeReport>): readonly unknown[] => {
      const json = encodeVolume(indexedVolumeOf('node-a', { ...good, ...fields }));
      return (JSON.parse(json) as readonly unknown[]).slice(7);
    };
    const deferredUntil = new Date(5);
    assert.deepEqual(endOf({}), []);
    assert.deepEqual(endOf({ deferredUntil }), [5]);
    assert.deepEqual(endOf({ lastIssuanceMs: 7 }), [0, 7]);
    assert.deepEqual(endOf({ deferredUntil, lastIssuanceMs: 7 }), [5, 7]);
    assert.deepEqual(endOf({ deferredUntil: new Date(Number.NaN), lastIssuanceMs: 0 }), []);
  });

  test('stores additional fingerprints in short form, bounded, and none without additional trust', () => {
    const own = 'ca'.repeat(32);
    const others = Array.from({ length: 1_000 }, (_, i) => i.toString(16).padStart(64, '0'));
    const reported = (caFingerprintsSha256: string[]): IndexedVolume =>
      indexedVolumeOf('node-a', { ...reportOf({ id: 'v1' }), additionalTrust: { caFingerprintsSha256 } });
    const many = reported(others);
    assert.deepEqual(trustedCaFingerprints(many), [own, ...others.slice(0, 64)]);
    assert.deepEqual(decodeVolume('node-a', 'v1', encodeVolume(many)), many);
    const json = encodeVolume(reported(others.slice(0, 2)));
    assert.ok(json.length - encodeVolume(indexedVolumeOf('node-a', reportOf({ id: 'v1' }))).length < 2 * 48 + 16, json);
    assert.deepEqual(trustedCaFingerprints(reported([])), [own]);
    assert.equal(reported([]).additionalCaFingerprints, undefined);
    assert.ok(encodeVolume(reported(Array.from({ length: 99 }, () => 'x'.repeat(1e5)))).length < 10_000);
  });

  test('stores the properties of a certificate briefly and bounded, and reads records without them', () => {
    const good = reportOf({ id: 'v1' });
    const withPosture = (posture: Posture | undefined): IndexedVolume =>
      indexedVolumeOf('node-a', { ...good, certificate: good.certificate && { ...good.certificate, posture } });
    const usual = {
      ...{ keyBits: 2048, curve: '', signatureAlgorithm: 'sha256WithRSAEncryption', requestedSeconds: 7_776_000 },
      ...{ isCa: false, usages: ['digital signature', 'key encipherment', 'server auth'] },
    };
    const size = (posture: Posture | undefined): number => encodeVolume(withPosture(posture)).length;
    assert.ok(size(usual) - size(undefined) < 130, String(size(usual) - size(undefined)));
    const flood = {
      ...usual,
      signatureAlgorithm: 's'.repeat(1e5),
      usages: Array.from({ length: 99 }, () => 'u'.repeat(1e5)),
    };
    assert.ok(size(flood) - size(undefined) < 1_400);
    const label = { key: 'k'.repeat(1e5), value: 'v'.repeat(1e5) };
    const workload = { kind: 'K'.repeat(1e5), name: 'n'.repeat(1e5) };
    const podLabels = Array.from({ length: 99 }, () => label);
    assert.ok(encodeVolume(indexedVolumeOf('node-a', { ...good, workload, podLabels })).length < 4_500);
    // An agent of an earlier release, and the record of an earlier controller.
    const old = withPosture(undefined);
    assert.deepEqual([old.signatureAlgorithm, old.keyBits, old.usages], [undefined, undefined, undefined]);
    assert.deepEqual(decodeVolume('node-a', 'v1', encodeVolume(old)), old);
  });

  test('ignores a state of a newer agent', () => {
    const served = { state: 99 as Served_State, since: new Date(5), failure: 99 as Served_Failure };
    const state = indexedVolumeOf('node-a', { ...reportOf({ id: 'v1' }), served });
    assert.deepEqual([state.served, state.servedSinceMs, state.probeFailure], [undefined, undefined, undefined]);
    assert.deepEqual(decodeVolume('node-a', 'v1', encodeVolume(state)), state);
  });

  test('shares lists only between volumes with equal ones', () => {
    const good = reportOf({ id: 'v1' });
    for (const caFingerprintsSha256 of [[], [''], ['', ''], ['a,b'], ['a', 'b'], ['a","b']]) {
      const certificate = good.certificate && { ...good.certificate, caFingerprintsSha256 };
      const state = indexedVolumeOf('node-a', { ...good, certificate });
      assert.deepEqual(
        decodeVolume('node-a', 'v1', encodeVolume(state))?.certificate?.caFingerprints,
        caFingerprintsSha256,
      );
    }
  });

  test('rejects a report without a volume id, a valid generation or valid times', () => {
    const good = reportOf({ id: 'v1' });
    const bad = [
      { ...good, volumeId: '' },
      { ...good, volumeId: 'v'.repeat(300) },
      { ...good, generation: Number.NaN },
      { ...good, generation: 2 ** 60 },
      { ...good, certificate: good.certificate && { ...good.certificate, renewAt: undefined } },
      { ...good, certificate: good.certificate && { ...good.certificate, notAfter: new Date(Number.NaN) } },
    ];
    for (const report of bad) assert.throws(() => indexedVolumeOf('node-a', report), { code: 'invalid-argument' });
  });

  test('truncates the fields of a report', () => {
    const good = reportOf({ id: 'v1' });
    assert.ok(good.certificate);
    const flood = {
      ...good,
      certificate: { ...good.certificate, dnsNames: Array.from({ length: 10_000 }, () => 'x'.repeat(10_000)) },
      lastFailure: { at: new Date(), reason: 'r'.repeat(1e6), message: 'm'.repeat(1e6), attempts: 1, since: undefined },
    };
    assert.ok(encodeVolume(indexedVolumeOf('node-a', flood)).length < 20_000);
  });

  test('replaces in names of objects what separates names, patterns and keys', () => {
    const report = { ...reportOf({ id: 'v1' }), issuer: { group: 'g,h', kind: '*', name: 'a/b' } };
    const invented = { ...report, pod: { namespace: 'shop,bank', name: '*', uid: 'u' } };
    const { namespace, pod, issuer } = indexedVolumeOf('node-a', invented);
    assert.deepEqual([namespace, pod], ['shop?bank', '?']);
    assert.deepEqual(issuer, { group: 'g?h', kind: '?', namespace: 'shop?bank', name: 'a?b' });
  });

  test('distinguishes issuers of different namespaces from each other and from cluster-wide ones', () => {
    const issuerOf = (kind: string, namespace: string): unknown => {
      const report = reportOf({ id: 'v1', namespace });
      return indexedVolumeOf('node-a', { ...report, issuer: { group: 'g', kind, name: 'ca' } }).issuer.namespace;
    };
    assert.deepEqual(
      ['Issuer', 'AWSPCAIssuer', 'ClusterIssuer', 'AWSPCAClusterIssuer'].map((kind) => issuerOf(kind, 'shop')),
      ['shop', 'shop', '', ''],
    );
  });
});
