import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import { planReissue, planRetry } from './reissue-plan.ts';
import type { PlanInput, ReissuePlan } from './reissue-plan.ts';
import { FactsCollector } from './rotation-facts.ts';

const [oldCa, newCa] = ['0a'.repeat(32), '1b'.repeat(32)];
const cas = { leaving: new Set([oldCa]), arriving: new Set([newCa]) };
const issuerOf = (name: string): string => `ClusterIssuer.cert-manager.io//${name}`;

/** A fleet of one node whose volumes are named after their issuers, such as `a-1`. */
class Fleet {
  readonly volumes = new Map<string, IndexedVolume>();
  readonly completed = new Set<number>();
  readonly covered = new Set<string>();
  isTestDue = true;

  set(
    id: string,
    caFingerprint: string,
    more: { readonly generation?: number; readonly attempts?: number } = {},
  ): void {
    const issuer = id.split('-')[0] ?? '';
    const notAfterMs = 4_000_000_000_000 + (more.generation ?? 1);
    const volume = indexedVolumeOf('node-a', reportOf({ id, issuer, caFingerprint, notAfterMs, ...more }));
    this.volumes.set(id, volume);
  }

  plan(status: CaRotationStatus | ReissuePlan, plan: typeof planReissue = planReissue): ReissuePlan {
    const isCovered = ({ volumeId, generation }: IndexedVolume): boolean =>
      this.covered.has(`${volumeId}@${generation}`);
    const collector = new FactsCollector(cas, { requiresServed: true, isCovered });
    for (const volume of this.volumes.values()) collector.add(volume, true);
    const { rounds = [], issuers = [], nextRound = 1 } = status;
    const input: PlanInput = {
      ...{ status: { rounds: [...rounds], issuers: [...issuers], nextRound }, cas },
      facts: collector.facts({ isSettled: true, unverifiedNodes: [] }),
      progressOf: ({ number }) => ({ isCompleted: this.completed.has(number) }),
      volume: ({ volumeId }) => this.volumes.get(volumeId),
      isComplete: () => true,
      isTestDue: () => this.isTestDue,
    };
    return plan(input);
  }
}

const shape = ({ rounds }: ReissuePlan): string[] =>
  rounds.map(({ number, purpose, issuer = '', volumes = [] }) =>
    [number, purpose, issuer.split('/').at(-1), volumes.map(({ volumeId }) => volumeId).join()].join(' ').trim(),
  );
const states = ({ issuers }: ReissuePlan): string[] =>
  issuers.map(({ issuer, state, attempts }) => `${issuer.split('/').at(-1)} ${state} ${attempts}`);

describe('planReissue', () => {
  test('renews one volume per issuer first, and then all of the issuers that have switched', () => {
    const fleet = new Fleet();
    for (const id of ['a-1', 'a-2', 'b-1', 'b-2']) fleet.set(id, oldCa);
    const tested = fleet.plan({});
    assert.deepEqual([shape(tested), states(tested)], [['1 Test  a-1,b-1'], ['a Testing 0', 'b Testing 0']]);
    assert.deepEqual(fleet.plan(tested), tested, 'nothing more is started while the tests have no result');
    fleet.set('a-1', newCa, { generation: 2 });
    fleet.set('b-1', oldCa, { generation: 2 });
    fleet.isTestDue = false;
    const partial = fleet.plan(tested);
    assert.deepEqual([shape(partial), states(partial)], [['2 Reissue a'], ['b NotSwitched 1']]);
    assert.deepEqual(partial.wait?.issuers, [issuerOf('b')]);
    fleet.covered.add('a-2@1');
    fleet.isTestDue = true;
    const again = fleet.plan(partial);
    assert.deepEqual([shape(again), states(again)], [['2 Reissue a', '3 Test  b-2'], ['b Testing 1']]);
    assert.equal(again.wait?.reason, 'IssuerNotSwitched', 'also while it is tested again');
  });

  test('suspends a round when its issuer signs with the replaced CA again', () => {
    const fleet = new Fleet();
    for (const id of ['a-1', 'a-2', 'a-3']) fleet.set(id, oldCa);
    const tested = fleet.plan({});
    fleet.set('a-1', newCa, { generation: 2 });
    const reissue = fleet.plan(tested);
    assert.deepEqual(shape(reissue), ['2 Reissue']);
    for (const id of ['a-2@1', 'a-3@1']) fleet.covered.add(id);
    // Renewed by the round, with the wrong CA.
    fleet.set('a-2', oldCa, { generation: 2 });
    const suspicious = fleet.plan(reissue);
    assert.deepEqual(states(suspicious), ['a Testing 0']);
    const { target } = suspicious.issuers[0] ?? {};
    fleet.set(target?.volumeId ?? '', oldCa, { generation: (target?.generation ?? 0) + 1 });
    fleet.isTestDue = false;
    const held = fleet.plan(suspicious);
    assert.deepEqual([[...held.held], states(held)], [[2], ['a NotSwitched 1']]);
  });

  test('tests another volume when the first one leaves the fleet', () => {
    const fleet = new Fleet();
    for (const id of ['a-1', 'a-2']) fleet.set(id, oldCa);
    const tested = fleet.plan({});
    fleet.volumes.delete('a-1');
    assert.deepEqual(shape(fleet.plan(tested)), ['2 Test  a-2']);
  });

  test('repeats a test that completed without an attempt, after the time that a report may take', () => {
    const fleet = new Fleet();
    fleet.set('a-1', oldCa);
    const tested = fleet.plan({});
    assert.deepEqual(fleet.plan(tested), tested);
    fleet.completed.add(1);
    fleet.isTestDue = false;
    assert.deepEqual(fleet.plan(tested), tested);
    fleet.isTestDue = true;
    const again = fleet.plan(tested);
    assert.deepEqual([shape(again), states(again)], [['2 Test  a-1'], ['a Testing 0']]);
    const later = { ...tested, issuers: tested.issuers.map((entry) => ({ ...entry, attempts: 1 })) };
    assert.deepEqual(states(fleet.plan(later)), ['a Testing 1'], 'what it found before counts');
    fleet.set('a-1', oldCa, { attempts: 1 });
    assert.deepEqual(fleet.plan(tested), tested, 'the agent retries a failed attempt by itself');
  });

  test('forgets finished rounds, and what has nothing to reissue', () => {
    const fleet = new Fleet();
    fleet.set('a-1', oldCa);
    const tested = fleet.plan({});
    fleet.set('a-1', newCa, { generation: 2 });
    assert.deepEqual([shape(fleet.plan(tested)), states(fleet.plan(tested))], [[], []]);
  });

  test('above the limit of failures, a few failed volumes are renewed while all else waits', () => {
    const fleet = new Fleet();
    for (let i = 10; i < 40; i += 1) fleet.set(`a-${i}`, oldCa, { attempts: 1 });
    const running = { rounds: [{ number: 1, purpose: 'Reissue' as const, caFingerprint: oldCa }], nextRound: 2 };
    const retry = fleet.plan(running, planRetry);
    const retried = retry.rounds.map(({ purpose, volumes }) => [purpose, volumes?.length]);
    assert.deepEqual(
      [retried, [...retry.held]],
      [
        [
          ['Reissue', undefined],
          ['Retry', 20],
        ],
        [1],
      ],
    );
    assert.deepEqual(fleet.plan(retry, planRetry), retry);
    // Below it, the round of retries ends and the others continue.
    const resumed = fleet.plan(retry);
    assert.deepEqual([resumed.rounds.some(({ purpose }) => purpose === 'Retry'), [...resumed.held]], [false, []]);
  });
});
