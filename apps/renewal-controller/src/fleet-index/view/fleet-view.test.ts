import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fallbackRenewalAtMs } from '@certfleet/fleet-model/certificate-times.ts';
import fc from 'fast-check';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../model/indexed-volume.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { noProgress } from '../model/renewal-progress.ts';
import type { RenewalProgress } from '../model/renewal-progress.ts';
import { FleetView } from './fleet-view.ts';
import { postureLimits } from './posture-limits.ts';

const limits = postureLimits({ minRsaBits: 0, refusedSignatures: [], maxLifetime: '12h', allowCa: true });
const hourMs = 3_600_000;
const nodes = ['one', 'two', 'three'];
const info = { agentVersion: '1', connectedTo: 'replica' };

const nodeName = fc.constantFrom(...nodes);
const volumeId = fc.constantFrom('a', 'b', 'c', 'd');

/** A volume whose times are multiples of ten minutes, which steps of the clock often meet exactly. */
const shape = fc.record({
  issuer: fc.constantFrom('ca', 'other'),
  namespace: fc.constantFrom('shop', 'bank'),
  lifetime: fc.integer({ min: 1, max: 144 }),
  renewsAfter: fc.integer({ min: 1, max: 144 }),
  hasCertificate: fc.boolean(),
  attempts: fc.constantFrom(0, 0, 1),
  deferredBy: fc.option(fc.integer({ min: 0, max: 144 }), { nil: undefined }),
  isLoaded: fc.boolean(),
});
type Shape = typeof shape extends fc.Arbitrary<infer Value> ? Value : never;

const stepMs = hourMs / 6;

function volumeOf(node: string, id: string, bornMs: number, of: Shape): IndexedVolume {
  const notAfterMs = bornMs + of.lifetime * stepMs;
  const report = reportOf({
    id,
    issuer: of.issuer,
    notBeforeMs: bornMs,
    renewAtMs: Math.min(bornMs + of.renewsAfter * stepMs, notAfterMs),
    notAfterMs,
  });
  const volume = indexedVolumeOf(node, of.hasCertificate ? report : { ...report, certificate: undefined });
  return {
    ...volume,
    namespace: of.namespace,
    ...(of.attempts > 0 && { failure: { atMs: bornMs, reason: 'Denied', message: 'no', attempts: of.attempts } }),
    ...(of.deferredBy !== undefined && { deferredUntilMs: bornMs + of.deferredBy * stepMs }),
    ...(!of.isLoaded && { served: 'not-loaded' as const, servedSinceMs: bornMs }),
  };
}

type Action = (fleet: Fleet) => void;

const actions: fc.Arbitrary<Action> = fc.oneof(
  fc.tuple(nodeName, volumeId, shape).map(
    ([node, id, of]): Action =>
      (fleet) =>
        fleet.set(node, id, of),
  ),
  fc.tuple(nodeName, volumeId).map(
    ([node, id]): Action =>
      (fleet) =>
        fleet.set(node, id, undefined),
  ),
  nodeName.map(
    (node): Action =>
      (fleet) =>
        fleet.removeNode(node),
  ),
  fc.tuple(nodeName, fc.array(fc.tuple(volumeId, shape))).map(
    ([node, of]): Action =>
      (fleet) =>
        fleet.replace(node, of),
  ),
  fc.tuple(fc.array(fc.tuple(nodeName, volumeId)), fc.array(fc.tuple(nodeName, volumeId))).map(
    ([started, waiting]): Action =>
      (fleet) =>
        fleet.setProgress(started, waiting),
  ),
  // Sometimes backwards, as after a correction of the clock.
  fc.integer({ min: -6, max: 18 }).map(
    (steps): Action =>
      (fleet) =>
        (fleet.nowMs += steps * stepMs),
  ),
  fc.tuple(nodeName, volumeId).map(
    ([node, id]): Action =>
      (fleet) =>
        fleet.passDeadline(node, id),
  ),
);

/** A view that has counted before each change, and what it contains. */
class Fleet {
  readonly view = new FleetView(limits);
  nowMs = 1_000 * hourMs;
  readonly #volumes = new Map<string, Map<string, IndexedVolume>>();
  #progress: RenewalProgress = noProgress;

  set(node: string, id: string, of: Shape | undefined): void {
    const volume = of && volumeOf(node, id, this.nowMs, of);
    this.view.set(node, id, volume);
    const volumes = this.#volumes.get(node) ?? new Map<string, IndexedVolume>();
    if (volume === undefined) volumes.delete(id);
    else volumes.set(id, volume);
    this.#volumes.set(node, volumes);
  }

  replace(node: string, of: readonly (readonly [string, Shape])[]): void {
    const volumes = new Map(of.map(([id, each]) => [id, volumeOf(node, id, this.nowMs, each)]));
    this.view.replaceNode(node, info, new Map(volumes));
    this.#volumes.set(node, volumes);
  }

  removeNode(node: string): void {
    this.view.removeNode(node);
    this.#volumes.delete(node);
  }

  setProgress(started: readonly (readonly [string, string])[], waiting: readonly (readonly [string, string])[]): void {
    const wait = { reason: 'rate' as const, untilMs: undefined };
    const idsOn = (node: string, keys: typeof started): string[] =>
      keys.flatMap(([of, id]) => (of === node ? [id] : []));
    this.#progress = {
      started: new Map(nodes.map((node) => [node, new Set(idsOn(node, started))])),
      holds: new Map(nodes.map((node) => [node, new Map(idsOn(node, waiting).map((id) => [id, wait]))])),
    };
    this.view.setProgress(this.#progress);
  }

  /** Counts at the fallback deadline of a volume, and moves the clock just past it. */
  passDeadline(node: string, id: string): void {
    const { certificate, deferredUntilMs } = this.view.volume(node, id) ?? {};
    if (certificate === undefined) return;
    const deadlineMs = Math.floor(fallbackRenewalAtMs(certificate, deferredUntilMs));
    this.view.aggregate(deadlineMs);
    this.nowMs = deadlineMs + 1;
  }

  /** A new view of the same volumes, which has never counted. */
  copy(): FleetView {
    const view = new FleetView(limits);
    for (const [node, volumes] of this.#volumes) view.replaceNode(node, info, new Map(volumes));
    view.setProgress(this.#progress);
    return view;
  }
}

/** What an aggregate says, without the order of its maps and with the values of its tallies. */
function contents(view: FleetView, nowMs: number): unknown {
  const { all, issuers, nodes: byNode, namespaces, ...rest } = view.aggregate(nowMs);
  const tally = ({ volumes, byState, soonestExpiryMs }: typeof all): unknown => ({ volumes, byState, soonestExpiryMs });
  const tallies = (of: ReadonlyMap<string, typeof all>): unknown =>
    Object.fromEntries([...of].map(([name, each]) => [name, tally(each)]));
  const failures = Object.fromEntries(
    [...issuers].map(([key, { failingSinceMs, lastFailure, soonestFailingExpiryMs }]) => [
      key,
      { failingSinceMs, last: lastFailure?.atMs, soonestFailingExpiryMs },
    ]),
  );
  return {
    ...rest,
    all: tally(all),
    issuers: tallies(issuers),
    failures,
    nodes: tallies(byNode),
    namespaces: tallies(namespaces),
  };
}

const plain: Shape = {
  ...{ issuer: 'ca', namespace: 'shop', lifetime: 6, renewsAfter: 4 },
  ...{ hasCertificate: true, attempts: 0, deferredBy: undefined, isLoaded: true },
};

describe('FleetView.aggregate', () => {
  test('counts what a view counts that has never counted before, after any changes and at any time', () => {
    fc.assert(
      fc.property(fc.array(actions, { minLength: 1, maxLength: 60 }), (steps) => {
        const fleet = new Fleet();
        for (const step of steps) {
          step(fleet);
          assert.deepEqual(contents(fleet.view, fleet.nowMs), contents(fleet.copy(), fleet.nowMs));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('an issuer is failing since the first failed attempt of any of its volumes', () => {
    const view = new FleetView(limits);
    const failing = (id: string, failedAtMs: number, failingSinceMs: number): void => {
      view.set('one', id, indexedVolumeOf('one', reportOf({ id, attempts: 2, failedAtMs, failingSinceMs })));
    };
    failing('a', 9_000, 3_000);
    failing('b', 8_000, 5_000);
    const [issuer] = view.aggregate(10_000).issuers.values();
    assert.deepEqual([issuer?.failingSinceMs, issuer?.lastFailure?.atMs], [3_000, 9_000]);
  });

  test('counts only the given nodes, also one without volumes', () => {
    const fleet = new Fleet();
    for (const node of nodes) fleet.set(node, 'a', plain);
    const { all, nodes: byNode } = fleet.view.aggregate(fleet.nowMs, ['one', 'absent']);
    assert.equal(all.volumes, 1);
    assert.deepEqual([...byNode.keys()], ['one', 'absent']);
  });
});
