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

class Bench {
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
    const { clock, member, asked } = new Bench();
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
    const bench = new Bench();
    const { clock, member, asked } = bench;
    bench.answer = (request) =>
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
    bench.answer = (request) => Promise.resolve(grantAll({ ...request, urgent: 0 }));
    await clock.advance(5_000);
    assert.deepEqual(member.uids, ['new', 'old']);
  });

  test('an urgent permit is not for a refresh, which a pause may delay', async () => {
    const bench = new Bench();
    bench.answer = ({ sequence }) => Promise.resolve({ permits: [{ id: `${sequence}-1`, isUrgent: true, inMs: 0 }] });
    bench.member.put('old');
    await bench.clock.advance(10_000);
    assert.deepEqual(bench.member.uids, []);
  });

  test('names the permits that it holds and the results of the ended ones', async () => {
    const bench = new Bench();
    const { clock, member, lane } = bench;
    member.put('a');
    member.put('b');
    await clock.advance(500);
    lane.settled({ uid: 'a', result: 'failed', error: 'sealed', retryAfterMs: 2_000 });
    lane.settled({ uid: 'unknown', result: 'ended' });
    member.put('c');
    await clock.advance(500);
    const { held, results, error, sequence, retryAfterMs } = bench.last ?? {};
    assert.deepEqual([held, results, error, sequence], [['1-1'], [{ source: 'a', isOk: false }], 'sealed', 2]);
    assert.equal(retryAfterMs, 2_000);
    lane.settled({ uid: 'b', result: 'signed' });
    lane.settled({ uid: 'c', result: 'signed' });
    await clock.advance(2_000);
    assert.deepEqual(bench.last?.held, []);
    assert.deepEqual(bench.last.results, [
      { source: 'b', isOk: true },
      { source: 'c', isOk: true },
    ]);
    const calls = bench.asked.length;
    await clock.advance(600_000);
    assert.equal(bench.asked.length, calls, 'an idle lane asks for nothing');
    assert.equal(clock.timers, 0);
  });

  test('gives up permits that nobody uses, so that others get their slots', async () => {
    const bench = new Bench();
    bench.member.put('a');
    bench.answer = (request) => Promise.resolve({ permits: [...(grantAll(request).permits ?? []), extra(request)] });
    await bench.clock.advance(6_000);
    bench.lane.settled({ uid: 'a', result: 'signed' });
    bench.answer = () => Promise.resolve({});
    await bench.clock.advance(10_000);
    assert.deepEqual(bench.last?.held, []);
    bench.member.put('b');
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.member.uids, ['a']);
  });

  test('a lost answer is asked for again, and its results count again', async () => {
    const bench = new Bench();
    const { clock, member, lane } = bench;
    member.put('a');
    await clock.advance(100);
    lane.settled({ uid: 'a', result: 'signed' });
    bench.answer = away;
    member.put('b');
    await clock.advance(500);
    assert.deepEqual(bench.last?.results, [{ source: 'a', isOk: true }]);
    bench.answer = (request) => Promise.resolve(grantAll(request));
    await clock.advance(2_000);
    assert.deepEqual(bench.last.results, [{ source: 'a', isOk: true }]);
    assert.deepEqual(member.uids, ['a', 'b']);
    assert.deepEqual(bench.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: true }]);
  });

  test('paces alone ten seconds after the controller is gone, at the rate and in-flight limit, and goes back', async () => {
    const bench = new Bench();
    const { clock, member, lane, log } = bench;
    member.put('shared');
    await clock.advance(100);
    bench.answer = away;
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
    assert.deepEqual(bench.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: false }]);
    assert.equal(log.filter((line) => line.includes('connection refused')).length, 1);

    bench.answer = (request) => Promise.resolve(request.isReturning ? {} : grantAll(request));
    await clock.advance(6_000);
    const returned = bench.asked.find(({ isReturning, atMs }) => isReturning && atMs > 15_000);
    assert.deepEqual(returned?.held, ['1-0', 'local-2', 'local-3', 'local-4']);
    assert.equal(bench.last?.isReturning, false);
    assert.deepEqual(bench.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: true }]);
    await clock.advance(2_000);
    assert.equal(member.started.length, 11);
  });

  test('an answer that never comes delays no pod for longer', async () => {
    const bench = new Bench();
    bench.answer = () => new Promise(() => undefined);
    bench.member.put('new', true);
    await bench.clock.advance(10_500);
    assert.deepEqual(bench.member.uids, ['new']);
  });

  test('without a controller it paces alone from the start, and says so', async () => {
    const bench = new Bench({ hasController: false });
    bench.member.put('a');
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.member.uids, ['a']);
    assert.match(bench.log.join(''), /no --controller-url/);
    assert.deepEqual(bench.lanes.gauges(), [{ issuer: issuerKeyOf(issuer), isShared: false }]);
  });

  test('signers of one issuer take turns', async () => {
    const bench = new Bench({ maxInFlight: 1_000 });
    const second = new Member(bench.lanes.of(issuer), bench.clock);
    for (let i = 0; i < 20; i += 1) {
      bench.member.put(`a${i}`);
      second.put(`b${i}`);
    }
    await bench.clock.advance(2_000);
    assert.ok(second.started.length >= 8 && bench.member.started.length >= 8);
  });

  test('a lane that nobody uses any more releases its permits and is forgotten', async () => {
    const bench = new Bench();
    bench.member.put('a');
    bench.member.put('b');
    await bench.clock.advance(10);
    bench.member.leave();
    bench.lane.settled({ uid: 'a', result: 'ended' });
    await bench.clock.advance(5_000);
    assert.deepEqual(bench.last?.held, []);
    assert.deepEqual(bench.lanes.gauges(), []);
    assert.notEqual(bench.lanes.of(issuer), bench.lane);
    bench.lanes.stop();
    assert.equal(bench.clock.timers, 0);
  });
});

const extra = ({ sequence }: PermitRequest): PermitAnswer['permits'][number] => {
  return { id: `${sequence}-extra`, isUrgent: false, inMs: 0 };
};
