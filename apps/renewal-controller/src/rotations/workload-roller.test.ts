import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { silentLogger } from '../dispatch/testing/test-fleet.ts';
import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import type { PodCertificateRow } from '../pod-certificates/pod-certificate-row.ts';
import type { DisruptionBudget } from '../rollouts/disruption-budget.ts';
import { RolloutPace } from '../rollouts/rollout-pace.ts';
import { rolloutAnnotation } from '../rollouts/workload.ts';
import type { Workload, WorkloadRef } from '../rollouts/workload.ts';
import type { PodCertificateFacts } from './pod-certificate-facts.ts';
import type { RotationObject } from './rotation-object.ts';
import { WorkloadRoller } from './workload-roller.ts';

const startMs = Date.UTC(2026, 10, 30);
const signer = 'example.com/internal';

interface Simulated {
  readonly ref: WorkloadRef;
  mark: string;
  generation: number;
  isSettled: boolean;
  isAvailable: boolean;
  /** Its strategy takes down all pods at once. */
  isRecreated?: boolean;
  /** Number of rollouts. */
  rolls: number;
  hasOld: boolean;
}

/** Workloads with two pods each, the rotation object with versions, and signers that have switched or not. */
class World {
  readonly clock = new ManualClock(startMs);
  readonly workloads = new Map<string, Simulated>();
  readonly rolls: string[] = [];
  budgets: DisruptionBudget[] = [];
  hasSwitched = true;
  /** The signer has signed with the new CA. */
  isSeen = true;
  /** What the next roll is answered with, before or after it has taken effect. */
  failure: { readonly error: CertfleetError; readonly isApplied: boolean } | undefined;
  object: RotationObject;
  #version = 1;

  constructor(podCertificates: RotationObject['spec']['podCertificates'] = { rollWorkloads: true }) {
    const podStatus = { total: 1, reissued: 0, remaining: 1, unknown: 0, progress: '0/1', signers: [], awaited: [] };
    this.object = {
      ...{ apiVersion: 'certfleet.io/v1alpha1', kind: 'CARotation' },
      metadata: {
        ...{ name: 'r', uid: 'uid-r', generation: 1, resourceVersion: '1', creationTimestamp: '2026-11-30T00:00:00Z' },
      },
      spec: { reason: 'test', from: { fingerprint: 'a' }, to: { fingerprint: 'b' }, podCertificates },
      status: { phase: 'Reissue', direction: 'Forward', podCertificates: podStatus },
    } as unknown as RotationObject;
  }

  add(name: string): Simulated {
    const ref: WorkloadRef = { kind: 'Deployment', namespace: 'shop', name, uid: `uid-${name}` };
    const added: Simulated = {
      ref,
      mark: '',
      generation: 1,
      isSettled: true,
      isAvailable: true,
      rolls: 0,
      hasOld: true,
    };
    this.workloads.set(ref.uid, added);
    return added;
  }

  get status(): NonNullable<CaRotationStatus['podCertificates']> {
    const { podCertificates } = this.object.status ?? {};
    assert.ok(podCertificates);
    return podCertificates;
  }

  replica(isEnabled = true): WorkloadRoller {
    const api = {
      ownerOf: ({ uid }: { readonly uid: string }) => {
        const found = this.workloads.get(uid.replace('pod-', 'uid-'));
        return Promise.resolve(found ? { workload: found.ref, mark: found.mark } : ({ gone: true } as const));
      },
      workload: ({ uid }: WorkloadRef) => Promise.resolve(this.#workload(uid)),
      budgets: () => Promise.resolve(this.budgets),
      roll: (ref: WorkloadRef, read: Workload, mark: string) => this.#roll(ref, read, mark),
      record: () => Promise.resolve(),
    };
    const pace = new RolloutPace({ fleet: 6, namespace: 6 }, this.clock);
    const rolling = isEnabled ? { api, pace, hasLease: () => Promise.resolve(true) } : undefined;
    return new WorkloadRoller({
      store: {
        updateStatus: (_kind, object, status) => {
          if (object.metadata.resourceVersion !== this.object.metadata.resourceVersion)
            return Promise.reject(new CertfleetError('aborted', 'changed', { reason: 'Conflict' }));
          const metadata = { ...this.object.metadata, resourceVersion: String((this.#version += 1)) };
          this.object = { ...this.object, metadata, status: status as CaRotationStatus };
          return Promise.resolve(this.object as never);
        },
      },
      ...{ rolling, clock: this.clock, log: silentLogger },
    });
  }

  /** One pass: the workloads that are in a rollout end it if `settle`. */
  async pass(roller: WorkloadRoller, settle = true): Promise<void> {
    await roller.advance(this.object, this.#facts()).catch(() => undefined);
    if (settle)
      for (const each of this.workloads.values()) {
        if (!each.isSettled && this.hasSwitched) [each.hasOld, this.isSeen] = [false, true];
        each.isSettled = true;
      }
    await this.clock.advance(30_000);
  }

  async passes(count: number, roller: WorkloadRoller): Promise<void> {
    for (let pass = 0; pass < count; pass += 1) await this.pass(roller);
  }

  #facts(): PodCertificateFacts {
    const old = [...this.workloads.values()].filter(({ hasOld }) => hasOld);
    const rows = (ref: WorkloadRef): PodCertificateRow =>
      ({
        namespace: ref.namespace,
        pod: ref.name,
        podUid: ref.uid.replace('uid-', 'pod-'),
        workload: `Deployment/${ref.name}`,
        signer,
      }) as PodCertificateRow;
    const lone = { namespace: 'shop', pod: 'lone', podUid: 'lone', workload: 'Pod/lone', signer } as PodCertificateRow;
    return {
      byWorkload: new Map([
        ['shop/Pod/lone', [lone]],
        ...old.map(({ ref }) => [`${ref.namespace}/Deployment/${ref.name}`, [rows(ref)]] as const),
      ]),
      signers: [{ name: signer, lastLeavingMs: 1, lastArrivingMs: this.isSeen ? 2 : undefined }],
    } as unknown as PodCertificateFacts;
  }

  #workload(uid: string): Workload | undefined {
    const found = this.workloads.get(uid);
    if (found === undefined) return undefined;
    const { ref, mark, generation, isSettled, isAvailable, isRecreated = false } = found;
    const annotations = mark === '' ? {} : { [rolloutAnnotation]: mark };
    return {
      metadata: { name: ref.name, uid, generation, resourceVersion: String(generation) },
      spec: {
        replicas: 2,
        strategy: { type: isRecreated ? 'Recreate' : 'RollingUpdate' },
        template: { metadata: { labels: { app: ref.name }, annotations } },
      },
      status: {
        ...{ observedGeneration: generation, replicas: 2, updatedReplicas: isSettled ? 2 : 1 },
        availableReplicas: isAvailable ? 2 : 1,
      },
    };
  }

  #roll({ uid, name }: WorkloadRef, read: Workload, mark: string): Promise<void> {
    const found = this.workloads.get(uid);
    const { failure } = this;
    this.failure = undefined;
    if (failure?.isApplied === false) return Promise.reject(failure.error);
    assert.ok(found && read.metadata?.generation === found.generation);
    if (found.mark !== mark) {
      found.generation += 1;
      found.rolls += 1;
      found.isSettled = false;
      this.rolls.push(name);
    }
    found.mark = mark;
    return failure === undefined ? Promise.resolve() : Promise.reject(failure.error);
  }
}

describe('the rollouts of a rotation', () => {
  test('roll one workload at a time, each once, and no pod without a workload', async () => {
    const world = new World();
    for (const name of ['a', 'b', 'c']) world.add(name);
    const roller = world.replica();
    await world.pass(roller, false);
    for (let pass = 0; pass < 5; pass += 1) await world.pass(roller, false);
    assert.deepEqual([world.rolls, world.status.rolling?.name], [['a'], 'a']);
    await world.passes(20, roller);
    assert.deepEqual([world.rolls, world.status.rolling, world.status.rolled?.length], [['a', 'b', 'c'], undefined, 3]);
    // They have the old CA again: each was rolled, and waits for its refresh.
    for (const each of world.workloads.values()) each.hasOld = true;
    await world.clock.advance(24 * 3_600_000);
    await world.passes(50, world.replica());
    assert.equal(world.rolls.length, 3);
  });

  test('are off unless the rotation and the chart allow them, and in other phases', async () => {
    for (const [spec, isEnabled, phase] of [
      [{}, true, 'Reissue'],
      [{ rollWorkloads: false }, true, 'Reissue'],
      [{ rollWorkloads: true }, false, 'Reissue'],
      [{ rollWorkloads: true }, true, 'Verify'],
    ] as const) {
      const world = new World(spec);
      world.add('a');
      world.object = { ...world.object, status: { ...world.object.status, phase } };
      await world.passes(3, world.replica(isEnabled));
      assert.deepEqual(world.rolls, []);
      if (!isEnabled) assert.match(world.status.notRolled ?? '', /controller\.rollouts\.enabled/);
    }
  });

  test('wait for PodDisruptionBudgets and for pods that are not available, and say so', async () => {
    const world = new World();
    const web = world.add('a');
    const budget = (disruptionsAllowed: number): DisruptionBudget => ({
      ...{ metadata: { name: 'pdb', generation: 1 }, spec: { selector: { matchLabels: { app: 'a' } } } },
      status: { observedGeneration: 1, disruptionsAllowed },
    });
    const roller = world.replica();
    web.isAvailable = false;
    await world.passes(2, roller);
    assert.match(world.status.notRolled ?? '', /shop\/Deployment\/a: not all of its pods are available/);
    web.isAvailable = true;
    web.isRecreated = true;
    world.budgets = [budget(1)];
    await world.passes(2, roller);
    assert.match(world.status.notRolled ?? '', /PodDisruptionBudget pdb allows 1 disruptions/);
    assert.equal(web.rolls, 0);
    world.budgets = [budget(2)];
    await world.passes(2, roller);
    assert.equal(web.rolls, 1);
  });

  test('roll one workload of a signer name first, and the others when it signs with the new CA', async () => {
    const world = new World();
    for (const name of ['a', 'b', 'c']) world.add(name);
    [world.hasSwitched, world.isSeen] = [false, false];
    const roller = world.replica();
    await world.passes(20, roller);
    assert.deepEqual([world.rolls, world.status.tested], [['a'], [signer]]);
    assert.match(world.status.notRolled ?? '', /was not seen to sign with the new CA/);
    // A refresh shows it, whoever requested it.
    [world.hasSwitched, world.isSeen] = [true, true];
    await world.passes(20, world.replica());
    assert.deepEqual(world.rolls, ['a', 'b', 'c']);
  });

  test('survive every loss: of answers, of replicas and of writes', async () => {
    const lost = new CertfleetError('unavailable', 'socket hang up');
    for (const isApplied of [true, false]) {
      const world = new World();
      const [a] = [world.add('a'), world.add('b')];
      world.failure = { error: lost, isApplied };
      await world.pass(world.replica(), false);
      assert.equal(world.status.rolling?.name, 'a');
      // Another replica continues.
      await world.passes(10, world.replica());
      assert.deepEqual([world.rolls, a.rolls], [['a', 'b'], 1], String(isApplied));
    }
    // Two replicas at the same moment, from the same object.
    const world = new World();
    world.add('a');
    const [one, two] = [world.replica(), world.replica()];
    await Promise.all([world.pass(one, false), world.pass(two, false)]);
    assert.deepEqual(world.rolls, ['a']);
  });

  test('leave a workload that somebody else has changed meanwhile', async () => {
    const world = new World();
    const a = world.add('a');
    world.failure = { error: new CertfleetError('aborted', 'changed', { reason: 'Conflict' }), isApplied: false };
    const roller = world.replica();
    await world.pass(roller, false);
    a.generation += 1;
    await world.passes(5, roller);
    assert.deepEqual([world.rolls, world.status.rolling], [[], undefined]);
    // A tool that resets the annotation causes no second rollout.
    const b = world.add('b');
    await world.pass(roller, false);
    await world.pass(roller, false);
    assert.equal(b.rolls, 1);
    [b.mark, b.generation] = ['', b.generation + 1];
    await world.passes(10, roller);
    assert.equal(b.rolls, 1);
  });
});
