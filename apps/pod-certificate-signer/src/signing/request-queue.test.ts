import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { decide } from '../policy/decide.ts';
import { compilePolicy, parseSignerObject } from '../policy/signer-policy.ts';
import { privateKeyOf, rawSigner, stubRequestOf, testRequest } from '../testing/requests.ts';
import { PacedLane } from './paced-lane.ts';
import { Places } from './places.ts';
import { RequestQueue } from './request-queue.ts';
import type { QueuedRequest } from './request-queue.ts';

const stubPKCS10Request = stubRequestOf(privateKeyOf('ED25519')).toString('base64');
const signerObject = parseSignerObject(rawSigner());
assert.ok(signerObject);
const order = decide(testRequest({ stubPKCS10Request }), compilePolicy(signerObject));
const hour = 3_600_000;

/** A queue whose answers are recorded with their time. */
class Harness {
  readonly clock = new ManualClock();
  readonly places = new Places(this.clock);
  readonly starting = new Set<string>();
  readonly answered: { readonly uid: string; readonly atMs: number }[] = [];
  readonly queue: RequestQueue;
  isPaused = false;
  windows = new RenewalWindows([]);
  outcome: (uid: string) => Promise<'signed' | 'ended'> = () => Promise.resolve('signed');

  constructor(policy: Partial<LanePolicy> = {}) {
    const limits = { ...defaultLanePolicy, ...policy };
    const { clock } = this;
    this.queue = new RequestQueue({
      clock,
      lane: new PacedLane({
        clock,
        limits: () => ({ policy: limits, windows: this.windows, isPaused: this.isPaused }),
        random: () => 1,
      }),
      isStarting: (podUid) => this.starting.has(podUid),
      answer: async ({ request: { uid } }) => {
        const result = await this.outcome(uid);
        this.answered.push({ uid, atMs: clock.monotonic() });
        return result;
      },
      onFailure: () => 'failed',
      random: () => 1,
    });
  }

  get uids(): readonly string[] {
    return this.answered.map(({ uid }) => uid);
  }

  put(uid: string, pod = uid): void {
    const request = testRequest({ stubPKCS10Request, podUID: pod }, { uid });
    const queued: QueuedRequest = { request, order, place: this.places.take(request) };
    this.queue.put(queued);
  }
}

describe('RequestQueue', () => {
  test('never exceeds the rate, and signs pods that start before refreshes that came earlier', async () => {
    const harness = new Harness({ ratePerSecond: 10, burst: 1 });
    for (let i = 0; i < 200; i += 1) harness.put(`old-${i}`);
    for (let i = 0; i < 20; i += 1) {
      harness.starting.add(`new-${i}`);
      harness.put(`new-${i}`);
    }
    await harness.clock.advance(2_000);
    assert.deepEqual(
      harness.uids,
      Array.from({ length: 20 }, (_, i) => `new-${i}`),
    );
    await harness.clock.advance(20_000);
    assert.equal(harness.answered.length, 220);
    for (const { atMs } of harness.answered) {
      const within = harness.answered.filter((other) => other.atMs > atMs - 1_000 && other.atMs <= atMs);
      assert.ok(within.length <= 11, `${within.length} within a second`);
    }
    assert.equal(harness.queue.size, 0);
  });

  test('absorbs a restart of all kubelets: 20,000 refreshes at the rate, and no pod that starts waits for them', async () => {
    const harness = new Harness({ ratePerSecond: 50, burst: 50 });
    const sent = new Map<string, number>();
    for (let i = 0; i < 20_000; i += 1) harness.put(`old-${i}`);
    for (let i = 0; i < 100; i += 1) {
      harness.starting.add(`new-${i}`);
      sent.set(`new-${i}`, harness.clock.monotonic());
      harness.put(`new-${i}`);
      await harness.clock.advance(1_000);
    }
    await harness.clock.advance(310_000);
    assert.equal(harness.answered.length, 20_100);
    const waits = harness.answered.flatMap(({ uid, atMs }) => {
      const sentAtMs = sent.get(uid);
      return sentAtMs === undefined ? [] : [atMs - sentAtMs];
    });
    // The next token of the rate, in the time of the manual clock.
    assert.ok(Math.max(...waits) <= 20, `${Math.max(...waits)} ms`);
    const perSecond = new Map<number, number>();
    for (const { atMs } of harness.answered)
      perSecond.set(Math.floor(atMs / 1000), (perSecond.get(Math.floor(atMs / 1000)) ?? 0) + 1);
    assert.ok(Math.max(...perSecond.values()) <= 50);
  });

  test('keeps the place of a projection whose request was removed and made anew', async () => {
    const harness = new Harness({ ratePerSecond: 1, burst: 1 });
    harness.isPaused = true;
    harness.put('first', 'pod-a');
    harness.put('second', 'pod-b');
    await harness.clock.advance(15 * 60_000);
    harness.queue.remove('first');
    harness.queue.remove('second');
    await harness.clock.advance(60_000);
    harness.put('second again', 'pod-b');
    harness.put('new', 'pod-c');
    harness.put('first again', 'pod-a');
    harness.isPaused = false;
    await harness.clock.advance(10_000);
    assert.deepEqual(harness.uids, ['first again', 'second again', 'new']);
  });

  test('delays refreshes by a pause, but no pod that starts, and none beyond a sixth of the lifetime', async () => {
    const harness = new Harness();
    harness.isPaused = true;
    harness.starting.add('new');
    harness.put('old');
    harness.put('new');
    await harness.clock.advance(4 * hour - 10_000);
    assert.deepEqual(harness.uids, ['new']);
    await harness.clock.advance(20_000);
    assert.deepEqual(harness.uids, ['new', 'old']);
  });

  test('signs refreshes in the windows of the lane', async () => {
    const harness = new Harness();
    harness.windows = new RenewalWindows([{ cron: '0 1 * * *', durationMs: hour }]);
    harness.put('old');
    await harness.clock.advance(hour - 1_000);
    assert.deepEqual(harness.uids, []);
    await harness.clock.advance(10_000);
    assert.deepEqual(harness.uids, ['old']);
  });

  test('repeats a failure with a back-off, and rests the lane while the issuer fails', async () => {
    const harness = new Harness({ ratePerSecond: 0, backoff: { threshold: 2, initialMs: 30_000, maxMs: 60_000 } });
    let attempts = 0;
    harness.outcome = () => {
      attempts += 1;
      return Promise.reject(new Error('no CA'));
    };
    for (let i = 0; i < 100; i += 1) harness.put(`r${i}`);
    await harness.clock.advance(100);
    // Fifty in flight at once and one after the first failure, then the lane rests.
    assert.equal(attempts, 51);
    await harness.clock.advance(10 * 60_000);
    assert.ok(attempts < 50 + 12 * 50, `${attempts} attempts`);
    harness.outcome = () => Promise.resolve('signed');
    await harness.clock.advance(3 * 60_000);
    assert.equal(new Set(harness.uids).size, 100);
    assert.equal(harness.queue.size, 0);
  });

  test('signs for pods that start soon after a long failure of the issuer has ended', async () => {
    const harness = new Harness();
    harness.outcome = () => Promise.reject(new Error('no CA'));
    for (let i = 0; i < 30; i += 1) {
      harness.starting.add(`new-${i}`);
      harness.put(`new-${i}`);
    }
    harness.put('old');
    await harness.clock.advance(10 * 60_000);
    harness.outcome = () => Promise.resolve('signed');
    // The lane's attempt after 15 s at most, and the request's own back-off of a minute at most.
    await harness.clock.advance(75_000);
    assert.ok(harness.uids.length >= 30, `${harness.uids.length} signed`);
    await harness.clock.advance(10 * 60_000);
    assert.equal(harness.uids.length, 31);
  });

  test('limits the requests in flight', async () => {
    const harness = new Harness({ ratePerSecond: 0, maxInFlight: 3 });
    const release: (() => void)[] = [];
    harness.outcome = () => new Promise((resolve) => release.push(() => resolve('signed')));
    for (let i = 0; i < 10; i += 1) harness.put(`r${i}`);
    await harness.clock.advance(1_000);
    assert.equal(release.length, 3);
    release[0]?.();
    await harness.clock.advance(1);
    assert.equal(release.length, 4);
  });

  test('moves a pod that turns out to start to the front, and forgets removed requests', async () => {
    const harness = new Harness({ ratePerSecond: 1, burst: 1 });
    harness.put('a');
    harness.put('b');
    harness.put('c');
    harness.starting.add('c');
    harness.queue.reclassify('c');
    harness.queue.remove('a');
    await harness.clock.advance(5_000);
    assert.deepEqual(harness.uids, ['c', 'b']);
  });

  test('signs nothing after it is stopped', async () => {
    const harness = new Harness({ ratePerSecond: 1 });
    harness.put('a');
    harness.queue.stop();
    harness.put('b');
    await harness.clock.advance(10_000);
    assert.deepEqual(harness.uids, []);
    assert.equal(harness.clock.timers, 0);
  });
});
