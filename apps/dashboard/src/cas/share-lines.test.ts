import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CaHistory } from '@certfleet/operator-api/cas.ts';
import { hoursWithin, sharePath, shareText } from './share-lines.ts';

const history: CaHistory = {
  hours: [
    { from: '2026-03-01T06:00:00.000Z', volumes: 10 },
    { from: '2026-03-01T09:00:00.000Z', volumes: 10 },
    { from: '2026-03-01T10:00:00.000Z', volumes: 8 },
  ],
  cas: [
    { fingerprint: 'aa', counts: [10, 4, 0] },
    { fingerprint: 'bb', counts: [0, 6, 8] },
  ],
};

describe('the share of CAs over time', () => {
  test('has the recorded hours of the chosen time, ending with the last one', () => {
    assert.deepEqual(
      hoursWithin(history, 2).map(({ counts }) => counts),
      [
        [4, 6],
        [0, 8],
      ],
    );
    assert.equal(hoursWithin(history, 24).length, 3);
  });

  test('is a line of level hours that hours without counts interrupt', () => {
    const hours = hoursWithin(history, 5);
    assert.equal(sharePath(hours, 0, 5), 'M0 0H1M3 60H4L4 100H5');
    assert.equal(sharePath(hours, 1, 5), 'M0 100H1M3 40H4L4 0H5');
  });

  test('is all or nothing only if it is', () => {
    assert.equal(shareText(0, 100_000), '0 %');
    assert.equal(shareText(1, 100_000), '< 0.1 %');
    assert.equal(shareText(99_999, 100_000), '> 99.9 %');
    assert.equal(shareText(100_000, 100_000), '100 %');
    assert.equal(shareText(2, 3), '66.7 %');
    assert.equal(shareText(0, 0), '0 %');
  });
});
