import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import type { ReportedPod } from './pod-facts.ts';
import { PodFactsReader } from './pod-facts-reader.ts';
import type { PodFactsReaderOptions, PodKey } from './pod-facts-reader.ts';

const minuteMs = 60_000;
const quiet = createLogger(0, { write: () => undefined });
const keyOf = (name: string, uid = `uid-${name}`): PodKey => ({ namespace: 'shop', name, uid });

/** A pod of the StatefulSet web. */
const podOf = (name: string, team = 'payments', uid = `uid-${name}`): ReportedPod => ({
  uid,
  metadata: { controller: { kind: 'StatefulSet', name: 'web' }, labels: { team } },
});

class Fixture {
  readonly clock = new ManualClock();
  /** Names of the pods in the order of their reads. */
  readonly reads: string[] = [];
  readonly changes: string[] = [];
  /** What the API server has; the teams of pods by name. */
  readonly teams = new Map<string, string>();
  isAway = false;
  concurrent = 0;
  readonly reader: PodFactsReader;

  constructor(t: TestContext, options: Partial<PodFactsReaderOptions> = {}) {
    this.reader = new PodFactsReader({
      ...{ clock: this.clock, log: quiet, labels: ['team'], random: () => 0.5 },
      getPod: (pod) => this.#getPod(pod),
      ...options,
    });
    this.reader.onChange((volumeId) => void this.changes.push(volumeId));
    t.after(async () => {
      await this.reader.stop();
      assert.equal(this.clock.timers, 0);
    });
  }

  async #getPod({ name }: PodKey): Promise<ReportedPod> {
    assert.equal(this.concurrent, 0, 'one request at a time');
    this.concurrent += 1;
    this.reads.push(name);
    await Promise.resolve();
    this.concurrent -= 1;
    if (this.isAway) throw new CertfleetError('unavailable', 'the API server does not answer');
    return podOf(name, this.teams.get(name));
  }

  /** The team that a report of the volume names. */
  team(volumeId: string, name = 'web-0', generation = 1): string | undefined {
    return this.reader.facts(volumeId, keyOf(name), generation)?.labels[0]?.value;
  }
}

describe('PodFactsReader', () => {
  test('reads each pod once and one at a time, and announces what it found', async (t) => {
    const { clock, reader, reads, changes } = new Fixture(t);
    assert.equal(reader.facts('csi-0', keyOf('web-0'), 1), undefined);
    assert.equal(reader.facts('csi-1', keyOf('web-1'), 1), undefined);
    await clock.advance(0);
    assert.deepEqual([reads, changes], [['web-0'], ['csi-0']]);
    await clock.advance(200);
    assert.deepEqual(reads, ['web-0', 'web-1']);
    assert.deepEqual(changes, ['csi-0', 'csi-1']);
    await clock.advance(200);
    const facts = { workload: { kind: 'StatefulSet', name: 'web' }, labels: [{ key: 'team', value: 'payments' }] };
    assert.deepEqual(reader.facts('csi-0', keyOf('web-0'), 1), facts);
    assert.equal(reads.length, 2);
    reader.forget('csi-0');
    reader.facts('csi-0', keyOf('web-0'), 1);
    await clock.advance(0);
    assert.equal(reads.length, 3);
  });

  test('asks once for all volumes of a pod, and announces a change to each of them', async (t) => {
    const fixture = new Fixture(t);
    for (const id of ['csi-a', 'csi-b']) fixture.team(id);
    await fixture.clock.advance(minuteMs);
    assert.deepEqual([fixture.reads, fixture.changes], [['web-0'], ['csi-a', 'csi-b']]);
    assert.equal(fixture.team('csi-c'), 'payments', 'a further volume needs no request');
    fixture.teams.set('web-0', 'logistics');
    await fixture.clock.advance(30 * minuteMs);
    assert.deepEqual(fixture.reads, ['web-0', 'web-0']);
    assert.deepEqual(fixture.changes.slice(2), ['csi-a', 'csi-b', 'csi-c']);
    assert.equal(fixture.team('csi-b'), 'logistics');
  });

  test('reads a pod again about every half hour with jitter, and announces nothing without a change', async (t) => {
    const random = [0, 0.999, 0.5];
    const fixture = new Fixture(t, { random: () => random.shift() ?? 0.5 });
    fixture.team('csi-0');
    await fixture.clock.advance(0);
    const readsAfter = async (byMs: number): Promise<number> => {
      await fixture.clock.advance(byMs);
      return fixture.reads.length;
    };
    assert.equal(await readsAfter(22.5 * minuteMs - 1), 1);
    assert.equal(await readsAfter(1), 2);
    assert.equal(await readsAfter(37 * minuteMs), 2);
    assert.equal(await readsAfter(minuteMs), 3);
    // An operator or NTP steps the wall clock: nothing is due by that.
    fixture.clock.stepWall(10 * 3_600_000);
    assert.equal(await readsAfter(29 * minuteMs), 3);
    assert.equal(await readsAfter(minuteMs), 4);
    assert.deepEqual(fixture.changes, ['csi-0']);
  });

  test('reads a pod again after a renewal of its volume, but not after its first certificate', async (t) => {
    const fixture = new Fixture(t);
    fixture.team('csi-0', 'web-0', 0);
    await fixture.clock.advance(2 * minuteMs);
    fixture.team('csi-0', 'web-0', 1);
    await fixture.clock.advance(minuteMs);
    assert.equal(fixture.reads.length, 1);
    fixture.teams.set('web-0', 'logistics');
    fixture.team('csi-0', 'web-0', 2);
    fixture.team('csi-0', 'web-0', 2);
    await fixture.clock.advance(0);
    assert.equal(fixture.reads.length, 2);
    assert.equal(fixture.team('csi-0', 'web-0', 2), 'logistics');
    // Renewals in short succession are followed by one read.
    for (let generation = 3; generation < 30; generation += 1) fixture.team('csi-0', 'web-0', generation);
    await fixture.clock.advance(minuteMs - 1);
    assert.equal(fixture.reads.length, 2);
    await fixture.clock.advance(1);
    assert.equal(fixture.reads.length, 3);
  });

  test('keeps the last known facts while the API server is away, and asks once a minute', async (t) => {
    const fixture = new Fixture(t);
    for (const name of ['web-0', 'web-1']) fixture.team(`csi-${name}`, name);
    await fixture.clock.advance(minuteMs);
    fixture.isAway = true;
    fixture.teams.set('web-0', 'logistics');
    const before = fixture.reads.length;
    await fixture.clock.advance(60 * minuteMs);
    const failed = fixture.reads.length - before;
    assert.ok(failed > 25 && failed <= 33, `${failed} requests`);
    assert.deepEqual([fixture.team('csi-web-0'), fixture.changes.length], ['payments', 2]);
    fixture.isAway = false;
    await fixture.clock.advance(3 * minuteMs);
    assert.deepEqual([fixture.team('csi-web-0'), fixture.changes.length], ['logistics', 3]);
  });

  test('tries again after a minute if the API server does not answer at first, and gives others the turn', async (t) => {
    let reads = 0;
    const fixture = new Fixture(t, {
      getPod: ({ name }, signal) => {
        reads += 1;
        if (name === 'web-1') return Promise.resolve(podOf(name));
        return new Promise<undefined>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('timeout')));
        });
      },
    });
    fixture.team('csi-0', 'web-0');
    await fixture.clock.advance(0);
    fixture.team('csi-1', 'web-1');
    await fixture.clock.advance(10_000);
    await fixture.clock.advance(59_999);
    assert.equal(reads, 1);
    await fixture.clock.advance(1);
    assert.equal(fixture.team('csi-1', 'web-1'), 'payments');
  });

  test('reports nothing of another pod of that name, and keeps what it knows of a pod that is gone', async (t) => {
    const found = new Map([
      ['web-0', podOf('web-0', 'x', 'other')],
      ['web-2', podOf('web-2')],
    ]);
    const fixture = new Fixture(t, { getPod: ({ name }) => Promise.resolve(found.get(name)) });
    for (const id of ['0', '1', '2']) fixture.team(`csi-${id}`, `web-${id}`);
    await fixture.clock.advance(minuteMs);
    assert.deepEqual(fixture.changes, ['csi-2']);
    found.clear();
    await fixture.clock.advance(60 * minuteMs);
    assert.equal(fixture.team('csi-2', 'web-2'), 'payments');
  });

  test('does not ask for a pod without volumes', async (t) => {
    const fixture = new Fixture(t);
    fixture.team('csi-0');
    fixture.team('csi-1');
    await fixture.clock.advance(minuteMs);
    fixture.reader.forget('csi-0');
    await fixture.clock.advance(30 * minuteMs);
    assert.equal(fixture.reads.length, 2);
    fixture.reader.forget('csi-1');
    await fixture.clock.advance(120 * minuteMs);
    assert.equal(fixture.reads.length, 2);
    assert.equal(fixture.clock.timers, 0);
  });
});
