import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import { LanePolicies } from '../lanes/lane-policies.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { jobId } from './renewal-job.ts';
import { renewalTimes, cooldownAfterMs } from './renewal-schedule.ts';
import type { RenewalTimes } from './renewal-schedule.ts';
import { reportOf } from './testing/test-fleet.ts';
import type { VolumeSketch } from './testing/test-fleet.ts';

const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);
const month = { notBeforeMs: startMs, renewAtMs: startMs + 20 * dayMs, notAfterMs: startMs + 30 * dayMs };
const minute = { notBeforeMs: startMs, renewAtMs: startMs + 40_000, notAfterMs: startMs + 60_000 };

function timesOf(sketch: Partial<VolumeSketch>, policy: Partial<LanePolicy> = {}, nowMs = startMs): RenewalTimes {
  const volume = indexedVolumeOf('node-a', reportOf({ id: 'v1', ...month, ...sketch }));
  const times = renewalTimes(volume, new LanePolicies(policy).laneOf(volume.issuer), nowMs);
  assert.ok(times);
  return times;
}

describe('renewal schedule', () => {
  test('is never due after renew-at, nor earlier than the jitter of its lane allows', () => {
    for (let i = 0; i < 200; i++) {
      const long = month.renewAtMs - timesOf({ id: `v${i}` }).dueAtMs;
      assert.ok(long >= 0 && long <= 12 * 3_600_000, `${long} ms`);
      const short = minute.renewAtMs - timesOf({ id: `v${i}`, ...minute }).dueAtMs;
      assert.ok(short >= 0 && short <= 3_000, `${short} ms`);
    }
    assert.equal(timesOf({}, { jitter: 0 }).dueAtMs, month.renewAtMs);
  });

  test('uses the same share of the spread every time', () => {
    assert.equal(timesOf({ id: 'v1' }).dueAtMs, timesOf({ id: 'v1' }).dueAtMs);
    assert.notEqual(timesOf({ id: 'v1' }).dueAtMs, timesOf({ id: 'v2' }).dueAtMs);
  });

  test('moves into the window before it, so that a missed window leaves the next one', () => {
    const windows = [{ cron: '0 2 * * 0', durationMs: 3_600_000 }];
    const { dueAtMs } = timesOf({}, { windows, jitter: 0 });
    // 2026-01-18 is the last Sunday before the 21st.
    assert.ok(
      dueAtMs >= Date.UTC(2026, 0, 18, 2) && dueAtMs < Date.UTC(2026, 0, 18, 3),
      new Date(dueAtMs).toISOString(),
    );
  });

  test('does not move into a window of the first third of its lifetime', () => {
    const windows = [{ cron: '0 2 3 * *', durationMs: 3_600_000 }];
    assert.equal(timesOf({}, { windows, jitter: 0 }).dueAtMs, month.renewAtMs);
  });

  test('waits longer after each failure, and at most a quarter of the remaining lifetime', () => {
    const nowMs = startMs + 20 * dayMs;
    const waits = [1, 2, 3, 10, 60].map((attempts) => timesOf({ attempts }, {}, nowMs).dueAtMs - nowMs);
    assert.ok(
      waits.every((wait, i) => i === 0 || wait >= (waits[i - 1] ?? 0)),
      waits.join(),
    );
    assert.ok((waits[0] ?? 0) >= 30_000 && (waits[0] ?? 0) <= 45_000, waits.join());
    assert.ok((waits[4] ?? 0) >= 300_000 && (waits[4] ?? 0) <= 450_000, waits.join());
    const late = timesOf({ ...minute, attempts: 8 }, {}, startMs + 40_000).dueAtMs - startMs - 40_000;
    assert.ok(late <= 5_000, `${late} ms of 20 s`);
  });

  test('counts the wait after a failure from the receipt of the report, not from its time', () => {
    const nowMs = startMs + 20 * dayMs;
    const of = (failedAtMs: number): number => timesOf({ attempts: 1, failedAtMs }, {}, nowMs).dueAtMs;
    assert.equal(of(nowMs - 15 * 60_000), of(nowMs));
    assert.equal(of(nowMs + 15 * 60_000), of(nowMs));
  });

  test('waits for an hour after a request was denied, and less when the certificate expires soon', () => {
    const nowMs = startMs + 20 * dayMs;
    const denied = (attempts: number, atMs: number): number => {
      const volume = indexedVolumeOf('node-a', reportOf({ id: 'v1', ...month, attempts }));
      assert.ok(volume.failure);
      const failing = { ...volume, failure: { ...volume.failure, reason: 'RequestDenied' } };
      const times = renewalTimes(failing, new LanePolicies().laneOf(volume.issuer), atMs);
      return (times?.dueAtMs ?? 0) - atMs;
    };
    assert.ok(denied(1, nowMs) >= 3_600_000 && denied(1, nowMs) <= 1.1 * 3_600_000);
    assert.ok(denied(9, nowMs) >= 10 * 3_600_000, `${denied(9, nowMs)}`);
    assert.equal(denied(9, month.notAfterMs - 80_000), 10_000);
  });

  test('starts a cooldown of the minimum interval after each issuance', () => {
    const volume = indexedVolumeOf('node-a', reportOf({ id: 'v1', ...minute }));
    assert.equal(cooldownAfterMs(volume, startMs), 1_200);
    const failing = indexedVolumeOf('node-a', reportOf({ id: 'v1', ...minute, attempts: 3 }));
    const waitMs = renewalTimes(failing, new LanePolicies().laneOf(volume.issuer), startMs)?.dueAtMs ?? 0;
    const cooldownMs = cooldownAfterMs(failing, startMs);
    assert.ok(cooldownMs > 0 && cooldownMs < waitMs - startMs);
  });

  test("orders by the lane's priority first, then by the time left", () => {
    const rank = (sketch: Partial<VolumeSketch>, policy?: Partial<LanePolicy>): number =>
      timesOf(sketch, policy).priority;
    assert.ok(rank(minute) < rank(month));
    assert.ok(rank(month, { priority: 9 }) < rank(minute, { priority: 5 }));
    const forever = rank({ notAfterMs: startMs + 1e14 }, { priority: 0 });
    assert.ok(forever <= 2 ** 21 && rank({ notAfterMs: startMs + 20 * dayMs }, { priority: 9 }) >= 1);
  });

  test('has no renewal before it has a certificate', () => {
    const report = { ...reportOf({ id: 'v1' }), certificate: undefined };
    const volume = indexedVolumeOf('node-a', report);
    assert.equal(renewalTimes(volume, new LanePolicies().laneOf(volume.issuer), startMs), undefined);
    assert.equal(cooldownAfterMs(volume, startMs), 0);
  });

  test('has a new job id for another generation, failure or node', () => {
    const id = (node: string, sketch: VolumeSketch): string => jobId(indexedVolumeOf(node, reportOf(sketch)));
    const ids = [
      id('node-a', { id: 'v1' }),
      id('node-b', { id: 'v1' }),
      id('node-a', { id: 'v1', generation: 2 }),
      id('node-a', { id: 'v1', attempts: 1 }),
      id('node-a', { id: 'v1', attempts: 2 }),
    ];
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.every((each) => !each.includes(':') && !/^\d+$/.test(each)));
  });
});
