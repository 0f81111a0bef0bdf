import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { FleetView } from '../fleet-index/view/fleet-view.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
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
    intent: () => ({ problem: () => undefined, rotations: () => [], undecidedRenewals: () => [] }),
    podCertificates: () => undefined,
    agentsConnected: () => 4,
    silentAfterMs: 30_000,
    podLabels: [],
    cas: { maxNamed: 2, nameOf: (fingerprint) => (fingerprint === 'a' ? 'CN=a' : undefined) },
  };
}

describe('takeSnapshot', () => {
  test('a snapshot contains the index, the lanes and the jobs', async () => {
    const clock = new ManualClock();
    const { index, lanes, jobs: counted } = await takeSnapshot(sourcesWith(clock, {}));
    assert.equal(index?.nodes.online, 0);
    assert.deepEqual([lanes, counted], [[], jobs]);
    assert.equal(clock.timers, 0);
  });

  test('a Redis that does not answer does not delay a scrape', async () => {
    const clock = new ManualClock();
    const taking = takeSnapshot(sourcesWith(clock, { depths: () => new Promise(() => undefined) }));
    await clock.advance(1_999);
    assert.equal(clock.timers, 1);
    await clock.advance(1);
    const { lanes, jobs: counted, redis } = await taking;
    assert.deepEqual([lanes, counted, redis.reachable], [undefined, jobs, true]);
  });

  test('does not query an unavailable Redis and omits an outdated index', async () => {
    const refuse = (): Promise<never> => Promise.reject(new Error('unexpected query'));
    const {
      index,
      lanes,
      jobs: counted,
    } = await takeSnapshot(sourcesWith(new ManualClock(), { reachable: false, depths: refuse }));
    assert.deepEqual([index, lanes, counted], [undefined, undefined, undefined]);
  });

  test('counts volumes of silent nodes separately and knows the reporters of issuers', async () => {
    const clock = new ManualClock(10_000_000);
    const nowMs = clock.now();
    const view = new FleetView();
    const add = (node: string, id: string, issuer: string): void =>
      view.set(
        node,
        id,
        indexedVolumeOf(node, reportOf({ id, issuer, renewAtMs: nowMs - 20_000, notAfterMs: nowMs - 10_000 })),
      );
    for (const node of ['heard', 'dead']) view.setNode(node, { agentVersion: '1', connectedTo: 'one' });
    add('heard', 'a', 'shared');
    add('heard', 'b', 'own');
    add('dead', 'c', 'shared');
    view.setSeen(new Map([...['heard'].map((node) => [node, nowMs] as const), ['dead', nowMs - 60_000]]));
    const { index } = await takeSnapshot({ ...sourcesWith(clock, {}), index: { view, isCurrent: true } });
    assert.equal(index?.stats.all.byState.expired, 2);
    assert.equal(index.silent?.byState.expired, 1);
    assert.equal(index.urgency.due, 2);
    const reporters = [...(index.reporters?.byIssuer ?? [])].map(([key, { isShared }]) => [
      key.split('/').at(-1),
      isShared,
    ]);
    assert.deepEqual(reporters, [
      ['shared', true],
      ['own', false],
    ]);
  });
});
