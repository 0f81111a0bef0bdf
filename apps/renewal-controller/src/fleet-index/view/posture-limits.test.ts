import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Posture } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../model/indexed-volume.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { volumeFilter } from '../query/volume-filter.ts';
import { PostureCounter, postureLimits } from './posture-limits.ts';
import type { PostureCounts, PostureLimit } from './posture-limits.ts';

const dayMs = 86_400_000;
const good: Posture = {
  ...{ keyBits: 3072, curve: '', signatureAlgorithm: 'sha256WithRSAEncryption', requestedSeconds: 86_400 },
  ...{ isCa: false, usages: ['digital signature', 'server auth'] },
};

function volume(id: string, posture: Partial<Posture> | undefined, lifetimeMs = dayMs): IndexedVolume {
  const report = reportOf({ id, notBeforeMs: 0, notAfterMs: lifetimeMs, renewAtMs: 1 });
  const whole = posture && { ...good, ...posture };
  return indexedVolumeOf('node-a', {
    ...report,
    certificate: report.certificate && { ...report.certificate, posture: whole },
  });
}

const fleet = [
  volume('good', {}),
  volume('short', { keyBits: 2048, signatureAlgorithm: 'sha1WithRSAEncryption' }),
  volume('curve', { keyBits: 0, curve: 'P-256', signatureAlgorithm: 'ecdsa-with-SHA1' }),
  volume('long', { isCa: true, usages: ['cert sign'] }, 90 * dayMs + 1),
  volume('ninety', {}, 90 * dayMs),
  volume('asking', { requestedSeconds: 86_401 }),
  volume('old-agent', undefined, 91 * dayMs),
  indexedVolumeOf('node-a', { ...reportOf({ id: 'pending' }), certificate: undefined }),
];
const settings = {
  ...{ minRsaBits: 3072, refusedSignatures: ['*sha1*', '*md5*'] },
  ...{ maxLifetime: '90d', allowCa: false },
};

function countsOf(limits: readonly PostureLimit[]): PostureCounts {
  const counter = new PostureCounter(limits);
  for (const each of fleet) counter.count(each);
  return counter.counts();
}

describe('postureLimits', () => {
  test('counts the violations of each limit, and what agents do not report', () => {
    const { violations, unknown } = countsOf(postureLimits(settings));
    assert.deepEqual(
      violations.map(({ limit: { excluded }, count }) => [excluded, count]),
      [
        [{ kind: 'rsa-bits', facts: { bits: 3072 } }, 1],
        [{ kind: 'signature', facts: { algorithms: ['sha1', 'md5'] } }, 2],
        [{ kind: 'lifetime', facts: { longest: '90d' } }, 2],
        [{ kind: 'ca', facts: {} }, 1],
      ],
    );
    assert.equal(unknown, 1);
  });

  test('has no limit that is not set', () => {
    const none = { minRsaBits: 0, refusedSignatures: [], maxLifetime: undefined, allowCa: true };
    assert.deepEqual(postureLimits(none), []);
    assert.deepEqual(countsOf([]), { violations: [], unknown: 1 });
  });

  test('filters by each property; a property that is not reported matches none', () => {
    const idsOf = (filter: Parameters<typeof volumeFilter>[0]): readonly string[] => {
      const matches = volumeFilter(filter);
      return fleet.filter((each) => matches(each, 'healthy')).map(({ volumeId }) => volumeId);
    };
    assert.deepEqual(idsOf({ rsaBelow: '3072' }), ['short']);
    assert.deepEqual(idsOf({ rsaBelow: '4096', signature: 'sha256WithRSAEncryption' }), [
      'good',
      'long',
      'ninety',
      'asking',
    ]);
    assert.deepEqual(idsOf({ signature: '*sha1*, *md5*' }), ['short', 'curve']);
    assert.deepEqual(idsOf({ lifetimeOver: '90d' }), ['long', 'old-agent']);
    assert.deepEqual(idsOf({ requestedOver: '1d' }), ['asking']);
    assert.deepEqual(idsOf({ requestedOver: '23h', lifetimeOver: '90d' }), ['long']);
    assert.deepEqual(idsOf({ isCa: 'true' }), ['long']);
    assert.deepEqual(idsOf({ isCa: 'false' }), ['good', 'short', 'curve', 'ninety', 'asking']);
    assert.deepEqual(idsOf({ usage: 'cert sign' }), ['long']);
    assert.deepEqual(idsOf({ usage: '*auth' }), ['good', 'short', 'curve', 'ninety', 'asking']);
    assert.deepEqual(idsOf({ usage: 'code signing, cert sign' }), ['long']);
  });
});
