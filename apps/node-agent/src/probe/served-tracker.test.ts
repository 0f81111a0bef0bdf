import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { loadTimeMs, ServedTracker } from './served-tracker.ts';
import type { WrittenCertificate } from './served-tracker.ts';

const hourMs = 3_600_000;
const intervalMs = 5 * 60_000;
const startMs = Date.UTC(2026, 10, 24);
let clock: ManualClock;
beforeEach(() => (clock = new ManualClock(startMs)));

function certificate(name: string, lifetimeMs = 24 * hourMs): WrittenCertificate {
  const issuedAt = new Date(clock.now());
  return { fingerprintSha256: name, issuedAt, notBefore: issuedAt, notAfter: new Date(clock.now() + lifetimeMs) };
}

const serves = (fingerprintSha256: string) => ({ fingerprintSha256 });
const failed = { failure: 'refused' } as const;

describe('ServedTracker', () => {
  test('a certificate is renewed until the server presents it', () => {
    const tracker = new ServedTracker(certificate('a'), clock);
    assert.deepEqual(tracker.status, { state: 'renewed', since: new Date(startMs) });
    clock.stepWall(5_000);
    assert.equal(tracker.probed(serves('a')), true);
    assert.deepEqual(tracker.status, { state: 'served', since: new Date(startMs + 5_000) });
    assert.equal(tracker.probed(serves('a')), false);
    assert.deepEqual(tracker.status.since, new Date(startMs + 5_000));
  });

  test('a server has time to load a renewed certificate; then it counts as not loaded since the renewal', async () => {
    const tracker = new ServedTracker(certificate('a'), clock);
    tracker.probed(serves('a'));
    await clock.advance(hourMs);
    assert.equal(tracker.written(certificate('b')), true);
    const since = new Date(clock.now());
    await clock.advance(loadTimeMs - 1);
    tracker.probed(serves('a'));
    assert.deepEqual(tracker.status, { state: 'renewed', since });
    await clock.advance(1);
    assert.equal(tracker.probed(serves('a')), true);
    assert.deepEqual(tracker.status, { state: 'not-loaded', since });
    await clock.advance(hourMs);
    tracker.probed(serves('b'));
    assert.deepEqual(tracker.status, { state: 'served', since: new Date(clock.now()) });
  });

  test('a certificate of ten seconds has one second', async () => {
    const tracker = new ServedTracker(certificate('a', 10_000), clock);
    await clock.advance(999);
    tracker.probed(serves('old'));
    assert.equal(tracker.status.state, 'renewed');
    await clock.advance(1);
    tracker.probed(serves('old'));
    assert.equal(tracker.status.state, 'not-loaded');
  });

  test('a further renewal gives a server that missed one no new time', async () => {
    const tracker = new ServedTracker(certificate('a'), clock);
    const since = new Date(clock.now());
    await clock.advance(loadTimeMs);
    tracker.probed(serves('old'));
    await clock.advance(hourMs);
    tracker.written(certificate('b'));
    assert.deepEqual(tracker.status, { state: 'not-loaded', since });
    tracker.probed(serves('a'));
    assert.deepEqual(tracker.status, { state: 'not-loaded', since });
  });

  test('a restarted agent gives no new time, whatever the wall clock did', async () => {
    const issued = certificate('a');
    await clock.advance(hourMs);
    const restarted = new ServedTracker(issued, clock);
    restarted.probed(serves('old'));
    assert.deepEqual(restarted.status, { state: 'not-loaded', since: issued.issuedAt });
    clock.stepWall(-2 * hourMs);
    const stepped = new ServedTracker(issued, clock);
    stepped.probed(serves('old'));
    assert.equal(stepped.status.state, 'renewed');
    await clock.advance(loadTimeMs);
    stepped.probed(serves('old'));
    assert.equal(stepped.status.state, 'not-loaded');
  });

  test('a step of the wall clock alone makes no certificate not loaded', () => {
    const tracker = new ServedTracker(certificate('a'), clock);
    clock.stepWall(10 * hourMs);
    tracker.probed(serves('old'));
    assert.equal(tracker.status.state, 'renewed');
  });

  test('a server that goes back to another certificate counts as not loaded since then', async () => {
    const tracker = new ServedTracker(certificate('a'), clock);
    tracker.probed(serves('a'));
    await clock.advance(hourMs);
    tracker.probed(serves('old'));
    assert.deepEqual(tracker.status, { state: 'not-loaded', since: new Date(clock.now()) });
  });

  test('one probe without an answer changes nothing, three in a row make the state unknown', async () => {
    for (const before of ['a', 'old']) {
      const tracker = new ServedTracker(certificate('a'), clock);
      await clock.advance(loadTimeMs);
      tracker.probed(serves(before));
      const { status } = tracker;
      assert.equal(tracker.probed(failed), false);
      tracker.probed(failed);
      assert.deepEqual(tracker.status, status);
      tracker.probed(serves(before));
      tracker.probed(failed);
      tracker.probed(failed);
      assert.deepEqual(tracker.status, status);
      assert.equal(tracker.probed(failed), true);
      const since = new Date(clock.now());
      assert.deepEqual(tracker.status, { state: 'unknown', since, failure: 'refused' });
      await clock.advance(1000);
      assert.equal(tracker.probed({ failure: 'timeout' }), true);
      assert.deepEqual(tracker.status, { state: 'unknown', since, failure: 'timeout' });
      assert.equal(tracker.probed({ failure: 'timeout' }), false);
    }
  });

  test('is not written by the same certificate', () => {
    const tracker = new ServedTracker(certificate('a'), clock);
    tracker.probed(serves('a'));
    assert.equal(tracker.written(certificate('a')), false);
    assert.equal(tracker.status.state, 'served');
  });

  test('probes soon after a renewal, and rarely what is served or unknown', () => {
    const tracker = new ServedTracker(certificate('a'), clock);
    const delays: number[] = [];
    for (let i = 0; i < 8; i++) {
      delays.push(tracker.nextDelayMs(intervalMs) / 1000);
      tracker.probed(serves('old'));
    }
    assert.deepEqual(delays, [2, 4, 8, 16, 32, 60, 60, 60]);
    tracker.probed(serves('a'));
    assert.equal(tracker.nextDelayMs(intervalMs), intervalMs);
    tracker.probed(failed);
    assert.equal(tracker.nextDelayMs(intervalMs), 60_000);
    for (let i = 0; i < 3; i++) tracker.probed(failed);
    assert.equal(tracker.nextDelayMs(intervalMs), intervalMs);
    tracker.written(certificate('b'));
    assert.equal(tracker.nextDelayMs(intervalMs), 2_000);
    assert.equal(tracker.nextDelayMs(1_000), 1_000);
  });
});
