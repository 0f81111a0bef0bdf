// The logic of CA rotations against fleets in memory: replicas with old caches and lost writes, agents that are late or
// silent, failures, pods that do not load their certificates, losses of Redis, suspensions and rollbacks.
import assert from 'node:assert/strict';
import { gatherFacts } from '../../../apps/renewal-controller/src/rotations/gather-facts.ts';
import { RotationMemory } from '../../../apps/renewal-controller/src/rotations/rotation-memory.ts';
import { isFinished, phaseOf, renewalNameOf } from '../../../apps/renewal-controller/src/rotations/rotation-object.ts';
import type { Phase, RotationObject } from '../../../apps/renewal-controller/src/rotations/rotation-object.ts';
import { transitions } from '../../../apps/renewal-controller/src/rotations/rotation-phases.ts';
import { caPairOf, rotationStep, stateOf } from '../../../apps/renewal-controller/src/rotations/rotation-step.ts';
import { RotationWorld, newCa, oldCa } from './rotation-world.ts';
import type { WorldOptions } from './rotation-world.ts';

const silentAfterMs = 3_000;
const cas = { from: [oldCa], to: [newCa], certificates: ['old', 'new'], notAfterMs: Infinity, notBeforeMs: 0 };

/** In each tick. */
const probabilities = {
  'a new volume': 0.2,
  'a removed volume': 0.2,
  'a silent node': 0.04,
  'a node without the API server': 0.04,
  'a node that is away': 0.02,
  'a loss of Redis': 0.02,
  'a suspension': 0.02,
  'a restart of a replica': 0.03,
  'failing renewals': 0.01,
  'pods that do not load': 0.02,
} as const;

type Disturbance = keyof typeof probabilities;

const disturbances = Object.keys(probabilities) as readonly Disturbance[];

interface Replica {
  object: RotationObject;
  memory: RotationMemory;
}

interface Run extends WorldOptions {
  /** The tick of the rollback. */
  readonly rollbackAt?: number;
  /** Disturbances end after this tick. */
  readonly calmAt: number;
}

/** One rotation in one world. */
class Simulation {
  readonly world: RotationWorld;
  readonly phases: Phase[] = ['Pending'];
  /** The disturbances that happened. */
  readonly met = new Set<Disturbance>();
  /** The phase of the rollback. */
  rolledBackIn: Phase | undefined;
  readonly #run: Run;
  readonly #replicas: Replica[];
  object: RotationObject;

  constructor(run: Run) {
    this.#run = run;
    this.world = new RotationWorld(run);
    const meta = {
      name: 'rotation',
      uid: 'uid',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    };
    const pem = (text: string) => ({ certificate: text });
    this.object = {
      apiVersion: 'certfleet.io/v1alpha1',
      kind: 'CARotation',
      metadata: meta,
      spec: { from: pem('old'), to: pem('new'), reason: 'test', holdBefore: ['Retire'] },
    };
    this.#replicas = [0, 1, 2].map(() => ({ object: this.object, memory: new RotationMemory() }));
  }

  async tick(): Promise<void> {
    const { world } = this;
    world.advance(this.object.status?.trust);
    if (world.tick < this.#run.calmAt) this.#disturb();
    this.#operate();
    for (const replica of this.#replicas) if (world.chance(0.6)) await this.#reconcile(replica);
    this.#check();
  }

  async #reconcile(replica: Replica): Promise<void> {
    const { world } = this;
    if (world.chance(0.7)) replica.object = this.object;
    const { object, memory } = replica;
    if (isFinished(object)) return;
    const pair = caPairOf(cas, stateOf(object).direction);
    const ageMs = (world.tick - world.lostRedisAt) * 1_000;
    const index = {
      ...{ nowMs: world.nowMs, ageMs, incomplete: world.incomplete },
      isComplete: (node: string) => world.isComplete(node),
    };
    const facts = await gatherFacts({ view: world.view, index, silentAfterMs, nowMs: world.nowMs }, pair, {
      requiresServed: true,
      selection: undefined,
      isCovered: (volume) =>
        [...world.renewals.values()].some(({ targets, isCompleted }) => {
          if (isCompleted) return false;
          const real = world.nodes.get(volume.node)?.volumes.get(volume.volumeId);
          return real !== undefined && targets.get(real) === volume.generation;
        }),
      knownNodes: object.status?.nodes ?? [],
    });
    const input = {
      ...{ object, cas, facts, overlapping: undefined, nowMs: world.nowMs },
      planning: {
        progressOf: (round: { readonly number: number }) => world.renewals.get(renewalNameOf(object, round)),
        volume: ({ node, volumeId }: { readonly node: string; readonly volumeId: string }) =>
          world.view.volume(node, volumeId),
        isComplete: (node: string) => world.isComplete(node),
        isTestDue: () => world.tick % 5 === 0,
      },
    };
    const step = rotationStep(input);
    assert.deepEqual(rotationStep(input), step, 'a step depends on its input alone');
    if (!step.isNewPhase) memory.unconfirm();
    else if (!memory.isConfirmed(object, step.status, { nowMs: world.nowMs, settleMs: silentAfterMs })) return;
    // The version of the object orders the writes; some are lost, and of some the answer is.
    if (object.metadata.resourceVersion !== this.object.metadata.resourceVersion || world.chance(0.05)) return;
    this.#write({ status: structuredClone(step.status) });
    if (world.chance(0.05)) return;
    replica.object = this.object;
    world.syncRenewals(this.object, step.held);
  }

  #write(changed: Partial<RotationObject>): void {
    const { metadata } = this.object;
    const before = phaseOf(this.object);
    const generation = metadata.generation + (changed.spec === undefined ? 0 : 1);
    const resourceVersion = String(Number(metadata.resourceVersion) + 1);
    this.object = { ...this.object, ...changed, metadata: { ...metadata, generation, resourceVersion } };
    const phase = phaseOf(this.object);
    if (phase === before && changed.status?.phaseStartTime === undefined) return;
    if (phase === before) return;
    assert.ok(transitions[before].includes(phase), `${before} must not lead to ${phase}`);
    this.phases.push(phase);
  }

  #patch(spec: Partial<RotationObject['spec']>): void {
    this.#write({ spec: { ...this.object.spec, ...spec } });
  }

  #disturb(): void {
    const { world } = this;
    const nodes = [...world.nodes];
    const [name, node] = world.random.pick(nodes);
    const until = world.tick + world.random.between(4, 60);
    const happen: Readonly<Record<Disturbance, () => void>> = {
      'a new volume': () => world.addVolume(name, this.object.status?.trust),
      'a removed volume': () => world.removeVolume(world.random.pick(nodes)[0]),
      'a silent node': () => (node.silentUntil = until),
      'a node without the API server': () => (node.offlineUntil = until),
      'a node that is away': () => (node.silentUntil = node.offlineUntil = until),
      'a loss of Redis': () => world.loseRedis(),
      'a suspension': () => this.#patch({ suspend: true }),
      'a restart of a replica': () => (world.random.pick(this.#replicas).memory = new RotationMemory()),
      'failing renewals': () => (world.failureRate = 0.5),
      'pods that do not load': () => (world.loadRate = 0),
    };
    for (const kind of disturbances) {
      // Before the first phase, nothing durable names the nodes that do not report again.
      const isTooEarly = kind === 'a loss of Redis' && this.phases.length === 1;
      if (!world.chance(isTooEarly ? 0 : probabilities[kind])) continue;
      this.met.add(kind);
      happen[kind]();
    }
  }

  /** What operators do about what the status says. */
  #operate(): void {
    const { world } = this;
    const { status = {}, spec } = this.object;
    if (world.tick === this.#run.rollbackAt && !isFinished(this.object)) {
      this.rolledBackIn = phaseOf(this.object);
      this.#patch({ rollback: true });
    }
    if (spec.suspend === true && world.chance(0.3)) this.#patch({ suspend: false });
    const answers: Readonly<Record<string, () => void>> = {
      AwaitingApproval: () => this.#patch({ approved: ['Retire'] }),
      NotLoaded: () => (world.loadRate = 0.5),
      TooManyFailures: () => (world.failureRate = 0.02),
      IssuerNotSwitched: () => world.switchIssuers(status.direction === 'Backward' ? oldCa : newCa),
    };
    if (world.chance(0.3)) answers[status.waitingFor ?? '']?.();
  }

  /** Every pod trusts the CA of every certificate that a pod has or serves. */
  #check(): void {
    const inUse = new Set<string>();
    for (const { ca, loadedCa } of this.world.volumes()) inUse.add(ca).add(loadedCa);
    for (const volume of this.world.volumes()) {
      assert.ok(volume.trusted.includes(volume.ca), `${volume.id} does not trust its own CA`);
      for (const ca of inUse)
        assert.ok(
          volume.trusted.includes(ca),
          `${volume.node}/${volume.id} does not trust ${ca.slice(0, 4)} in ${this.phases.join()} at ${this.world.tick}`,
        );
    }
  }
}

async function carryOut(run: Run, maxTicks = 1_500): Promise<Simulation> {
  const simulation = new Simulation(run);
  while (!isFinished(simulation.object) && simulation.world.tick < maxTicks) await simulation.tick();
  const { phase, waitingFor, blocking } = simulation.object.status ?? {};
  assert.ok(isFinished(simulation.object), `in ${phase}, waiting for ${waitingFor} ${JSON.stringify(blocking)}`);
  return simulation;
}

/** A rotation of each seed under disturbances; every second one is rolled back. */
export async function rotateUnderDisturbances(seeds: number): Promise<void> {
  const [ends, met, rolledBackIn] = [new Set<Phase>(), new Set<Disturbance>(), new Set<Phase>()];
  for (let seed = 0; seed < seeds; seed += 1) {
    const rollbackAt = seed % 2 === 0 ? undefined : 5 + (seed % 40) * 4;
    const size = { nodes: 8, volumes: 80, issuers: 1 + (seed % 3), seed };
    const simulation = await carryOut({
      ...size,
      calmAt: 250,
      ...(rollbackAt !== undefined && { rollbackAt }),
    }).catch((thrown: unknown) => {
      throw new Error(`seed ${seed}`, { cause: thrown });
    });
    const phase = phaseOf(simulation.object);
    ends.add(phase);
    for (const each of simulation.met) met.add(each);
    if (simulation.rolledBackIn !== undefined) rolledBackIn.add(simulation.rolledBackIn);
    const expected = phase === 'Completed' ? newCa : oldCa;
    for (const { ca, trusted, id } of simulation.world.volumes())
      assert.deepEqual([id, ca, ...trusted], [id, expected, expected]);
  }
  assert.deepEqual([...ends].sort(), ['Completed', 'RolledBack']);
  assert.deepEqual([...met].sort(), [...disturbances].sort());
  for (const phase of ['Trust', 'Reissue', 'Verify'] as const) assert.ok(rolledBackIn.has(phase), phase);
}

/** The rotation of a fleet without disturbances after its first minute. */
export async function rotateLargeFleet(size: Pick<Run, 'nodes' | 'volumes'>): Promise<void> {
  const { phases, world } = await carryOut({ ...size, issuers: 3, seed: 1, calmAt: 60 });
  assert.equal(phases.at(-1), 'Completed');
  const [least, most] = [size.volumes * 0.95, size.volumes * 1.05];
  assert.ok(world.issuances >= least && world.issuances < most, `${world.issuances} issuances`);
}
