import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import type { PermitAnswer, PermitRequest } from '@certfleet/operator-api/lane-permits.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import type { Demand } from '../signing/lane.ts';
import { issuerKeyOf, SharedLanes } from './shared-lanes.ts';
import type { SharedLane } from './shared-lane.ts';

const issuer = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };

/** Requests that a lane must admit: urgent ones first. */
class Member {
  readonly started: { readonly uid: string; readonly atMs: number }[] = [];
  readonly #lane: SharedLane;
  readonly #clock: ManualClock;
  readonly #waiting: { readonly uid: string; readonly isUrgent: boolean }[] = [];
  readonly leave: () => void;

  constructor(lane: SharedLane, clock: ManualClock) {
    this.#lane = lane;
    this.#clock = clock;
    this.leave = lane.join({ demand: () => this.#demand(), wake: () => this.#pump() });
  }

  put(uid: string, isUrgent = false): void {
    if (isUrgent) this.#waiting.unshift({ uid, isUrgent });
    else this.#waiting.push({ uid, isUrgent });
    this.#pump();
  }

  get uids(): readonly string[] {
    return this.started.map(({ uid }) => uid);
  }

  #demand(): Demand {
    const urgent = this.#waiting.filter(({ isUrgent }) => isUrgent).length;
    return { urgent, refreshes: this.#waiting.length - urgent };
  }

  #pump(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#lane.admit(next) > 0) {
        this.#waiting.unshift(next);
        return;
      }
      this.started.push({ uid: next.uid, atMs: this.#clock.monotonic() });
    }
  }
}

class Harness {
  readonly clock = new ManualClock();
  readonly asked: (PermitRequest & { readonly atMs: number })[] = [];
  readonly log: string[] = [];
  readonly lanes: SharedLanes;
  readonly lane: SharedLane;
  readonly member: Member;
  answer: (request: PermitRequest) => Promise<Partial<PermitAnswer>> = (request) => Promise.resolve(grantAll(request));

  constructor({ hasController = true, maxInFlight = 4 } = {}) {
    const { clock } = this;
    const policy = { ...defaultLanePolicy, ratePerSecond: 10, burst: 1, maxInFlight };
    const limits = { policy, windows: new RenewalWindows([]), isPaused: false };
    this.lanes = new SharedLanes({
      clock,
      log: createLogger(1, { write: (line: string) => void this.log.push(line) }),
      ask: hasController
        ? async (request) => {
            this.asked.push({ ...request, atMs: clock.monotonic() });
            const { ratePerSecond, burst } = policy;
            const fixed = {
              askAgainInMs: 1_000,
              answerTimeoutMs: 60_000,
              limits: { ratePerSecond, burst, maxInFlight },
            };
            return { permits: [], ...fixed, ...(await this.answer(request)) };
          }
        : undefined,
      limitsOf: () => limits,
      random: () => 1,
    });
    this.lane = this.lanes.of(issuer);
    this.member = new Member(this.lane, clock);
  }

  get last(): PermitRequest | undefined {
    return this.asked.at(-1);
  }
}

/** A permit for each request, 100 ms apart. */
function grantAll({ sequence, urgent, refreshes }: PermitRequest): Partial<PermitAnswer> {
  const permits = Array.from({ length: urgent + refreshes }, (_, i) => {
    return { id: `${sequence}-${i}`, isUrgent: i < urgent, inMs: i * 100 };
  });
  return { permits };
}

const away = (): Promise<never> => Promise.reject(new CertfleetError('unavailable', 'connection refused'));

describe('SharedLane', () => {
  test('asks once for many requests, and starts each at the time of its permit', async () => {
    const { clock, member, asked } = new Harness();
    for (let i = 0; i < 20; i += 1) member.put(`r${i}`);
    await clock.advance(3_000);
    assert.deepEqual(
      member.started.map(({ atMs }) => atMs),
      Array.from({ length: 20 }, (_, i) => i * 100),
    );
    assert.deepEqual(
      asked.map(({ urgent, refreshes }) => [urgent, refreshes]),
      [[0, 20]],
    );
  });

  test('a pod that starts takes a permit that is there, and asks at once without one', async () => {
    const harness = new Harness();
    const { clock, member, asked } = harness;
    harness.answer = (request) =>
      Promise.resolve(request.urgent > 0 ? grantAll({ ...request, refreshes: 0 }) : { askAgainInMs: 5_000 });
    member.put('old');
    await clock.advance(1_000);
    member.put('new', true);
    await clock.advance(200);
    assert.deepEqual(member.uids, ['new']);
    assert.deepEqual(
      asked.map(({ atMs }) => atMs),
      [0, 1_000],
    );
    harness.answer = (request) => Promise.resolve(grantAll({ ...request, urgent: 0 }));
    await clock.advance(5_000);
    assert.deepEqual(member.uids, ['new', 'old']);
  });

  test('an urgent permit is not for a refresh, which a pause may delay', async () => {
    const harness = new Harness();
    harness.answer = ({ sequence }) => Promise.resolve({ permits: [{ id: `${sequence}-1`, isUrgent: true, inMs: 0 }] });
    harness.member.put('old');
    await harness.clock.advance(10_000);
    assert.deepEqual(harness.member.uids, []);
  });

  test('names the permits that it holds and the results of the ended ones', async () => {
    const harness = new Harness();
    const { clock, member, lane } = harness;
    member.put('a');
    member.put('b');
    await clock.advance(500);
    lane.settled({ uid: 'a', result: 'failed', error: 'sealed', retryAfterMs: 2_000 });
    lane.settled({ uid: 'unknown', result: 'ended' });
    member.put('c');
    await clock.advance(500);
    const { held, results, error, sequence, retryAfterMs } = harness.last ?? {};
    assert.deepEqual([held, results, error, sequence], [['1-1'], [{ source: 'a', isOk: false }], 'sealed', 2]);
    assert.equal(retryAfterMs, 2_000);
    lane.settled({ uid: 'b', result: 'signed' });
    lane.settled({ uid: 'c', result: 'signed' });
    await clock.advance(2_000);
    assert.deepEqual(harness.last?.held, []);
    assert.deepEqual(harness.last.results, [
      { source: 'b', isOk: true },
      { source: 'c', isOk: true },
    ]);
    const calls = harness.asked.length;
    await clock.advance(600_000);
    assert.equal(harness.asked.length, calls, 'an idle lane asks for nothing');
    assert.equal(clock.timers, 0);
  });

  test('gives up permits that nobody uses, so that others get their slots', async () => {
    const harness = new Harness();
    harness.member.put('a');
    harness.answer = (request) => Promise.resolve({ permits: [...(grantAll(request).permits ?? []), extra(request)] });
    await harness.clock.advance(6_000);
    harness.lane.settled({ uid: 'a', result: 'signed' });
    harness.answer = () => Promise.resolve({});
    await harness.clock.advance(10_000);
    assert.deepEqual(harness.last?.held, []);
    harness.member.put('b');
    await harness.clock.advance(1_000);
    assert.deepEqual(harness.member.uids, ['a']);
  });

  test('a lost answer is asked for again, and its results count again', async () => {
    const harness = new Harness();
    const { clock, member, lane } = harness;
    member.put('a');
    await clock.advance(100);
    lane.settled({ uid: 'a', result: 'signed' });
    harness.answer = away;
    member.put('b');
    await clock.advance(500);
    assert.deepEqual(harness.last?.results, [{ source: 'a', isOk: true }]);
    harness.answer = (request) => Promise.resolve(grantAll(request));
    await clock.advance(2_000);
    assert.deepEqual(harness.last.results, [{ source: 'a', isOk: true }]);
    assert.deepEqual(member.uids, ['a', 'b']);
    assert.deepEqual(harness.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: true }]);
  });

  test('paces alone ten seconds after the controller is gone, at the rate and in-flight limit, and goes back', async () => {
    const harness = new Harness();
    const { clock, member, lane, log } = harness;
    member.put('shared');
    await clock.advance(100);
    harness.answer = away;
    for (let i = 0; i < 10; i += 1) member.put(`r${i}`);
    await clock.advance(9_900);
    assert.deepEqual(member.uids, ['shared']);
    await clock.advance(5_000);
    // One more is in flight by a permit of the controller.
    assert.deepEqual(member.uids, ['shared', 'r0', 'r1', 'r2']);
    const starts = member.started.slice(1).map(({ atMs }) => atMs);
    assert.deepEqual(
      starts.map((atMs) => atMs - (starts[0] ?? 0)),
      [0, 100, 200],
    );
    lane.settled({ uid: 'r0', result: 'signed' });
    await clock.advance(1_000);
    assert.equal(member.started.length, 5);
    assert.deepEqual(harness.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: false }]);
    assert.equal(log.filter((line) => line.includes('connection refused')).length, 1);

    harness.answer = (request) => Promise.resolve(request.isReturning ? {} : grantAll(request));
    await clock.advance(6_000);
    const returned = harness.asked.find(({ isReturning, atMs }) => isReturning && atMs > 15_000);
    assert.deepEqual(returned?.held, ['1-0', 'local-2', 'local-3', 'local-4']);
    assert.equal(harness.last?.isReturning, false);
    assert.deepEqual(harness.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: true }]);
    await clock.advance(2_000);
    assert.equal(member.started.length, 11);
  });

  test('an answer that never comes delays no pod for longer', async () => {
    const harness = new Harness();
    harness.answer = () => new Promise(() => undefined);
    harness.member.put('new', true);
    await harness.clock.advance(10_500);
    assert.deepEqual(harness.member.uids, ['new']);
  });

  test('without a controller it paces alone from the start, and says so', async () => {
    const harness = new Harness({ hasController: false });
    harness.member.put('a');
    await harness.clock.advance(1_000);
    assert.deepEqual(harness.member.uids, ['a']);
    assert.match(harness.log.join(''), /no --controller-url/);
    assert.deepEqual(harness.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: false }]);
  });

  test('signers of one issuer take turns', async () => {
    const harness = new Harness({ maxInFlight: 1_000 });
    const second = new Member(harness.lanes.of(issuer), harness.clock);
    for (let i = 0; i < 20; i += 1) {
      harness.member.put(`a${i}`);
      second.put(`b${i}`);
    }
    await harness.clock.advance(2_000);
    assert.ok(second.started.length >= 8 && harness.member.started.length >= 8);
  });

  test('a lane that nobody uses any more releases its permits and is forgotten', async () => {
    const harness = new Harness();
    harness.member.put('a');
    harness.member.put('b');
    await harness.clock.advance(10);
    harness.member.leave();
    harness.lane.settled({ uid: 'a', result: 'ended' });
    await harness.clock.advance(5_000);
    assert.deepEqual(harness.last?.held, []);
    assert.deepEqual(harness.lanes.gauges(), []);
    assert.notEqual(harness.lanes.of(issuer), harness.lane);
    harness.lanes.stop();
    assert.equal(harness.clock.timers, 0);
  });
});

const extra = ({ sequence }: PermitRequest): PermitAnswer['permits'][number] => {
  return { id: `${sequence}-extra`, isUrgent: false, inMs: 0 };
};
