import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { FleetView } from '../fleet-index/fleet-view.ts';
import { takeSnapshot } from './controller-snapshot.ts';
import type { SnapshotSources } from './controller-snapshot.ts';

const jobs = { delayed: 1, waiting: 2, active: 3 };
const health = {
  reachable: true,
  latencyMs: 1,
  maxmemoryPolicy: 'noeviction',
  usedMemoryBytes: 1,
  maxMemoryBytes: undefined,
  problem: undefined,
  clients: undefined,
};

function sourcesWith(
  clock: ManualClock,
  given: { reachable?: boolean; depths?: () => Promise<never[]> },
): SnapshotSources {
  const { reachable = true, depths = () => Promise.resolve([]) } = given;
  const dispatcher = { due: { counts: () => Promise.resolve(jobs) }, lanes: { depths } };
  return {
    clock,
    dispatcher: () => dispatcher as unknown as ReturnType<SnapshotSources['dispatcher']>,
    index: { view: new FleetView(), isCurrent: true },
    connections: { health: { ...health, reachable } },
    agentsConnected: () => 4,
    silentAfterMs: 30_000,
  };
}

test('a snapshot has the index, the lanes and the jobs', async () => {
  const clock = new ManualClock();
  const { index, lanes, jobs: counted } = await takeSnapshot(sourcesWith(clock, {}));
  assert.equal(index?.nodes.online, 0);
  assert.deepEqual([lanes, counted], [[], jobs]);
  assert.equal(clock.timers, 0);
});

test('a Redis that does not answer holds up no scrape', async () => {
  const clock = new ManualClock();
  const taking = takeSnapshot(sourcesWith(clock, { depths: () => new Promise(() => undefined) }));
  await clock.advance(1_999);
  assert.equal(clock.timers, 1);
  await clock.advance(1);
  const { lanes, jobs: counted, redis } = await taking;
  assert.deepEqual([lanes, counted, redis.reachable], [undefined, jobs, true]);
});

test('a Redis that is away is not asked, and the index that cannot be followed is not shown', async () => {
  const refuse = (): Promise<never> => Promise.reject(new Error('expected not to be asked'));
  const {
    index,
    lanes,
    jobs: counted,
  } = await takeSnapshot(sourcesWith(new ManualClock(), { reachable: false, depths: refuse }));
  assert.deepEqual([index, lanes, counted], [undefined, undefined, undefined]);
});
