import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import { CaChangeCollector } from './ca-changes.ts';
import type { CaChange } from './ca-changes.ts';

const hourMs = 3_600_000;
const startMs = Date.parse('2026-03-01T12:00:00Z');
const a = 'aa'.repeat(32);
const b = 'bb'.repeat(32);
const c = 'cc'.repeat(32);

/** A certificate: its node, its CA file and the hour of its not-before. */
type Issued = readonly [node: string, cas: string | readonly string[], hour: number];

function changesOf(issued: readonly Issued[], collector = new CaChangeCollector(), issuer = 'ca'): readonly CaChange[] {
  issued.forEach(([node, cas, hour], i) => {
    const volume = indexedVolumeOf(node, reportOf({ id: `v${i}`, issuer }));
    const { certificate } = volume;
    assert.ok(certificate);
    const changed = { notBeforeMs: startMs + hour * hourMs, caFingerprints: [cas].flat() };
    collector.add({ ...volume, certificate: { ...certificate, ...changed } });
  });
  return collector.changes();
}

const shown = (issued: readonly Issued[]): readonly string[] =>
  changesOf(issued).map(({ from, to }) => `${from.map((each) => each.slice(0, 2)).join()}>${to[0]?.slice(0, 2)}`);

describe('CaChangeCollector', () => {
  test('finds an issuer whose later certificates all have another CA, and since when', () => {
    const [change, ...others] = changesOf([
      ['n1', a, 0],
      ['n2', a, 3],
      ['n2', b, 5],
      ['n1', b, 4],
    ]);
    assert.deepEqual(others, []);
    assert.deepEqual(change, {
      issuer: 'ClusterIssuer.cert-manager.io//ca',
      ...{ from: [a], to: [b], sinceMs: startMs + 4 * hourMs, isConfirmed: true },
    });
  });

  test('finds nothing if the CAs of an issuer take turns', () => {
    const turns: readonly Issued[] = [0, 1, 2, 3, 4, 5].flatMap((hour): Issued[] => [
      ['n1', hour % 2 === 0 ? a : b, hour],
      ['n2', hour % 2 === 0 ? a : b, hour],
    ]);
    assert.deepEqual(shown(turns), []);
  });

  test('finds nothing if one CA is in both CA files, as in a bundle of the old and the new one', () => {
    const both = (later: string | readonly string[]): readonly Issued[] => [
      ['n1', a, 0],
      ['n1', later, 1],
    ];
    assert.deepEqual(shown(both([a, b])), []);
    assert.deepEqual(shown(both(b)), ['aa>bb']);
    assert.deepEqual(shown(both(['b', 'c', 'd', 'e', 'f'])), []);
  });

  test('believes no single node about an issuer that others use too', () => {
    const before: readonly Issued[] = [
      ['n1', a, 0],
      ['n2', a, 0],
      ['n3', a, 0],
    ];
    assert.deepEqual(shown([...before, ['n1', b, 1], ['n1', b, 2]]), []);
    assert.deepEqual(shown([...before, ['n1', c, 1], ['n1', b, 2], ['n2', b, 2]]), ['aa>bb']);
    const [alone] = changesOf([
      ['n1', a, 0],
      ['n1', b, 1],
    ]);
    assert.equal(alone?.isConfirmed, false);
    const collector = new CaChangeCollector();
    changesOf(before, collector, 'of-all');
    const own: readonly Issued[] = [
      ['n1', [a, c], 0],
      ['n1', b, 1],
    ];
    assert.deepEqual(changesOf(own, collector, 'of-n1'), [], 'nor about a CA of other issuers');
  });

  test('compares the last two of several CAs, and concludes nothing from too many', () => {
    assert.deepEqual(
      shown([
        ['n1', a, 0],
        ['n1', c, 2],
        ['n1', b, 1],
      ]),
      ['bb>cc'],
    );
    assert.deepEqual(shown(Array.from({ length: 40 }, (_, i): Issued => ['n1', String(i), i])), []);
  });
});
