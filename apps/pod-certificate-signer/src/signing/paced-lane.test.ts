import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { decide } from '../policy/decide.ts';
import { compilePolicy, parseSignerObject } from '../policy/signer-policy.ts';
import { privateKeyOf, rawSigner, stubRequestOf, testRequest } from '../testing/requests.ts';
import { PacedLane } from './paced-lane.ts';
import { RequestQueue } from './request-queue.ts';

const minute = 60_000;

function laneOn(clock: ManualClock): PacedLane {
  const limits = { policy: defaultLanePolicy, windows: new RenewalWindows([]), isPaused: false };
  return new PacedLane({ clock, limits: () => limits, random: () => 1 });
}

const admit = (lane: PacedLane, isUrgent: boolean): number => lane.admit({ isUrgent });
const settle = (lane: PacedLane, result: 'signed' | 'failed'): void => lane.settled({ result });

/** Starts requests that are not urgent, and lets all of them fail. */
async function failTogether(clock: ManualClock, lane: PacedLane, count: number): Promise<void> {
  for (let started = 0; started < count; started += 1) {
    const waitMs = admit(lane, false);
    if (waitMs > 0) {
      await clock.advance(waitMs);
      started -= 1;
    }
  }
  for (let failed = 0; failed < count; failed += 1) settle(lane, 'failed');
}

describe('PacedLane', () => {
  test('rests for the first back-off after any number of failures of requests that were in flight together', async () => {
    const clock = new ManualClock();
    const lane = laneOn(clock);
    await failTogether(clock, lane, 40);
    assert.equal(admit(lane, false), defaultLanePolicy.backoff.initialMs);
    assert.equal(admit(lane, true), defaultLanePolicy.backoff.initialMs);
    await clock.advance(defaultLanePolicy.backoff.initialMs);
    assert.equal(admit(lane, false), 0);
    settle(lane, 'failed');
    assert.equal(admit(lane, false), 2 * defaultLanePolicy.backoff.initialMs);
  });

  test('tries requests of pods that start every 15 seconds, which does not prolong the back-off of the others', async () => {
    const clock = new ManualClock();
    const lane = laneOn(clock);
    for (let round = 0; round < 8; round += 1) {
      await failTogether(clock, lane, round === 0 ? 3 : 1);
      await clock.advance(admit(lane, false));
    }
    assert.equal(admit(lane, false), 0);
    settle(lane, 'failed');
    const endMs = clock.monotonic() + admit(lane, false);
    assert.equal(endMs - clock.monotonic(), defaultLanePolicy.backoff.maxMs);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      assert.equal(admit(lane, true), 15_000);
      await clock.advance(15_000);
      assert.equal(admit(lane, true), 0);
      settle(lane, 'failed');
      assert.equal(clock.monotonic() + admit(lane, false), endMs);
    }
  });

  test('ends the back-off of all requests when one is signed', async () => {
    const clock = new ManualClock();
    const lane = laneOn(clock);
    for (let round = 0; round < 8; round += 1) {
      await failTogether(clock, lane, round === 0 ? 3 : 1);
      await clock.advance(admit(lane, false));
    }
    await failTogether(clock, lane, 1);
    await clock.advance(minute);
    assert.ok(admit(lane, false) > minute);
    assert.equal(admit(lane, true), 0);
    settle(lane, 'signed');
    assert.equal(admit(lane, false), 0);
  });
});

describe('a CA that is away for ten minutes', () => {
  const stubPKCS10Request = stubRequestOf(privateKeyOf('ED25519')).toString('base64');
  const signerObject = parseSignerObject(rawSigner({ maxLifetimeSeconds: 3_600 }));
  assert.ok(signerObject);
  const order = decide(testRequest({ stubPKCS10Request }), compilePolicy(signerObject));
  /** What is left of the shortest lifetime: a third, less the jitter of the kubelet and the pause between its passes. */
  const leftMs = 20 * minute - 5 * minute - 2 * minute;
  /** The kubelet writes the files of a pod at its next synchronization. */
  const filesMs = 1.5 * minute;

  test('leaves enough time to refresh certificates of the shortest lifetime, whenever it goes away', async () => {
    for (let awayForMs = 0; awayForMs <= 10 * minute; awayForMs += 30_000) {
      const clock = new ManualClock();
      const backMs = 10 * minute - awayForMs;
      let signedMs = Infinity;
      const queue = new RequestQueue({
        clock,
        lane: laneOn(clock),
        isStarting: () => false,
        answer: () => {
          if (clock.monotonic() < backMs) return Promise.reject(new Error('no CA'));
          signedMs = Math.min(signedMs, clock.monotonic());
          return Promise.resolve('signed');
        },
        onFailure: () => 'failed',
        random: () => 1,
      });
      const place = { place: 1, sinceMs: 0 };
      for (let index = 0; index < 20; index += 1)
        queue.put({ request: testRequest({ stubPKCS10Request }, { uid: `r${index}` }), order, place });
      await clock.advance(leftMs - filesMs);
      assert.equal(queue.size, 0, `not all are signed if the CA comes back ${backMs} ms after the requests`);
      assert.ok(signedMs >= backMs);
    }
  });
});
