import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { caVolumes } from './ca-gauges.ts';

const fingerprintOf = (ca: string): string => ca.repeat(64);

/** So many volumes under each CA. */
function volumesUnder(cas: Readonly<Record<string, number>>): readonly IndexedVolume[] {
  return Object.entries(cas).flatMap(([ca, count]) =>
    Array.from({ length: count }, (_, i) =>
      indexedVolumeOf('n1', reportOf({ id: `${ca}${i}`, caFingerprint: fingerprintOf(ca) })),
    ),
  );
}

describe('the volumes by CA in the metrics', () => {
  const nameOf = (fingerprint: string): string | undefined => (fingerprint.startsWith('a') ? 'CN=a' : undefined);

  test('name the largest CAs, and sum the others', () => {
    const found = caVolumes(volumesUnder({ c: 1, a: 2, d: 1, b: 3 }), { maxNamed: 2, nameOf });
    assert.deepEqual(found, [
      { fingerprint: fingerprintOf('b'), volumes: 3, name: undefined },
      { fingerprint: fingerprintOf('a'), volumes: 2, name: 'CN=a' },
      { fingerprint: 'other', volumes: 2, name: undefined },
    ]);
    assert.equal(caVolumes(volumesUnder({ a: 1 }), { maxNamed: 2, nameOf })?.length, 1);
  });

  test('are absent if they are switched off', () => {
    assert.equal(caVolumes(volumesUnder({ a: 1 }), { maxNamed: 0, nameOf }), undefined);
  });
});
