import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RenewalWindows } from './renewal-windows.ts';

const hourMs = 3_600_000;
const nightly = new RenewalWindows([{ cron: '0 22 * * *', durationMs: 4 * hourMs, timeZone: 'Europe/Berlin' }]);

describe('RenewalWindows', () => {
  test('is always open without windows', () => {
    assert.equal(new RenewalWindows([]).opensInMs(0), 0);
  });

  test('opens on the minute, stays open over midnight, and closes on the minute', () => {
    const opensMs = Date.UTC(2026, 0, 5, 21);
    assert.deepEqual(
      [opensMs - 1000, opensMs, opensMs + 1, opensMs + 4 * hourMs - 1, opensMs + 4 * hourMs].map((ms) =>
        nightly.opensInMs(ms),
      ),
      [1000, 0, 0, 0, 20 * hourMs],
    );
  });

  test('follows daylight saving time of its time zone', () => {
    // Berlin changes to summer time on 2026-03-29: the same local hour is an hour earlier in UTC.
    assert.equal(nightly.opensInMs(Date.UTC(2026, 2, 28, 20)), hourMs);
    assert.equal(nightly.opensInMs(Date.UTC(2026, 2, 29, 20)), 0);
  });

  test('is open while any of several windows is open', () => {
    const windows = new RenewalWindows([
      { cron: '0 0 1 * *', durationMs: hourMs },
      { cron: '*/10 * * * *', durationMs: 60_000 },
    ]);
    assert.equal(windows.opensInMs(Date.UTC(2026, 0, 5, 12, 0, 30)), 0);
    assert.equal(windows.opensInMs(Date.UTC(2026, 0, 5, 12, 1)), 9 * 60_000);
  });

  test('finds the window before a time, within bounds', () => {
    const dueMs = Date.UTC(2026, 0, 7, 12);
    assert.deepEqual(nightly.lastBefore(dueMs, 0), {
      startMs: Date.UTC(2026, 0, 6, 21),
      endMs: Date.UTC(2026, 0, 7, 1),
    });
    assert.equal(nightly.lastBefore(dueMs, Date.UTC(2026, 0, 6, 22)), undefined);
  });

  test('lists the windows around a time, also one that begins at that time', () => {
    const opensMs = Date.UTC(2026, 0, 5, 21);
    for (const ms of [opensMs - 1, opensMs, opensMs + 1]) {
      const { spans, isLast } = nightly.around(ms);
      assert.equal(isLast, false);
      assert.equal(spans.filter(({ startMs }) => startMs === opensMs).length, 1);
      assert.ok(spans.length >= 15);
      assert.ok(spans.some(({ startMs }) => startMs > opensMs));
    }
    const once = new RenewalWindows([{ cron: '0 0 0 1 1 * 2026', durationMs: hourMs }]);
    // Also when it is over, because it may not be by the clock of the reader.
    for (const ms of [Date.UTC(2025, 11, 31), Date.UTC(2026, 0, 1, 0, 30), Date.UTC(2026, 0, 1, 1)]) {
      const { spans, isLast } = once.around(ms);
      assert.deepEqual([spans.length, isLast], [1, true]);
    }
  });

  test('rejects an invalid expression, time zone or duration', () => {
    const bad = [
      { cron: 'every night', durationMs: hourMs },
      { cron: '0 22 * * *', durationMs: hourMs, timeZone: 'Middle/Earth' },
      { cron: '0 22 * * *', durationMs: 0 },
    ];
    for (const policy of bad) assert.throws(() => new RenewalWindows([policy]), { code: 'invalid-argument' });
  });
});
