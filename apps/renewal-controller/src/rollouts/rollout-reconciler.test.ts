import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { silentLogger } from '../dispatch/testing/test-fleet.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import type { RolloutApi } from './rollout-api.ts';
import { RolloutPace } from './rollout-pace.ts';
import { RolloutReconciler } from './rollout-reconciler.ts';
import type { RollingVolume, RolloutReconcilerParts } from './rollout-reconciler.ts';
import { markOf, rolloutAnnotation } from './workload.ts';
import type { Workload, WorkloadRef } from './workload.ts';

const hourMs = 3_600_000;

interface SimulatedPod {
  readonly uid: string;
  readonly mark: string;
  generation: number;
  /** Whether the CA file has changed since the pod was mounted. */
  isOutdated?: boolean;
}

interface SimulatedWorkload {
  readonly ref: WorkloadRef;
  readonly pods: Map<string, SimulatedPod>;
  mark: string;
  version: number;
  paused: boolean;
}

/** A cluster whose workloads replace their pods one by one after a change of the template, and the reports of its nodes. */
class SimulatedCluster {
  readonly clock = new ManualClock(Date.UTC(2026, 10, 24));
  readonly workloads = new Map<string, SimulatedWorkload>();
  readonly rolls: string[] = [];
  readonly events: string[] = [];
  readonly failures: string[] = [];
  budgets: DisruptionBudget[] = [];
  renewalMs = 16 * hourMs;
  blocked = 0;
  podNumber = 0;
  /** Called between the read of a workload and the write. */
  beforeRoll: () => void = () => undefined;
  readonly api: Pick<RolloutApi, 'find' | 'workload' | 'budgets' | 'roll' | 'record'> = {
    find: ({ uid }) => {
      for (const { ref, pods } of this.workloads.values()) {
        const pod = pods.get(uid);
        if (pod !== undefined) return Promise.resolve({ workload: ref, mark: pod.mark });
      }
      return Promise.resolve({ gone: true });
    },
    workload: ({ uid }) => Promise.resolve(this.#workload(uid)),
    budgets: () => Promise.resolve(this.budgets),
    roll: (ref, read, mark) => this.#roll(ref, read, mark),
    record: ({ name }, { reason, message }) => {
      this.events.push(`${name} ${reason} ${message}`);
      return Promise.resolve();
    },
  };

  add(name: string, { namespace = 'shop', replicas = 3 } = {}): SimulatedWorkload {
    const ref: WorkloadRef = { kind: 'Deployment', namespace, name, uid: `uid-${name}` };
    const workload: SimulatedWorkload = { ref, pods: new Map(), mark: '', version: 1, paused: false };
    for (let i = 0; i < replicas; i += 1) this.#addPod(workload);
    this.workloads.set(ref.uid, workload);
    return workload;
  }

  renew(workload: SimulatedWorkload): void {
    for (const pod of workload.pods.values()) pod.generation += 1;
  }

  /** Replaces one outdated pod of each workload. */
  step(): void {
    for (const workload of this.workloads.values()) {
      const old = [...workload.pods.values()].find(({ mark }) => mark !== workload.mark);
      if (old === undefined || workload.paused) continue;
      workload.pods.delete(old.uid);
      this.#addPod(workload);
    }
  }

  /** The reports: lost with Redis until the nodes have sent them again. */
  *volumes(): Generator<RollingVolume> {
    for (const { ref, pods } of this.workloads.values())
      for (const { uid, generation, isOutdated } of pods.values())
        yield {
          node: 'node-1',
          namespace: ref.namespace,
          pod: uid,
          podUid: uid,
          generation,
          rollsWorkload: 1,
          ...(isOutdated === true && { podIsOutdated: 1 as const }),
          certificate: { notBeforeMs: 0, renewAtMs: this.renewalMs },
        };
  }

  replica(changes: Partial<RolloutReconcilerParts> = {}): RolloutReconciler {
    return new RolloutReconciler({
      api: this.api,
      volumes: () => this.volumes(),
      isCurrent: () => true,
      hasLease: () => Promise.resolve(true),
      pace: new RolloutPace({ fleet: 600, namespace: 600 }, this.clock),
      observe: {
        rolloutEnded: (result) => {
          if (result === 'failed') this.failures.push(result);
        },
        rolloutsBlocked: (count) => void (this.blocked = count),
      },
      clock: this.clock,
      log: silentLogger,
      ...changes,
    });
  }

  /** Runs passes of the replicas, and the rollouts of the cluster after each. */
  async run(passes: number, ...replicas: readonly RolloutReconciler[]): Promise<void> {
    for (let pass = 0; pass < passes; pass += 1) {
      await Promise.all(replicas.map((replica) => replica.run()));
      this.step();
      await this.clock.advance(10_000);
    }
  }

  #addPod(workload: SimulatedWorkload): void {
    const uid = `${workload.ref.name}-${this.podNumber++}`;
    workload.pods.set(uid, { uid, mark: workload.mark, generation: 1 });
  }

  #workload(uid: string): Workload | undefined {
    const workload = this.workloads.get(uid);
    if (workload === undefined) return undefined;
    const { mark, pods, version, paused } = workload;
    const updated = [...pods.values()].filter((pod) => pod.mark === mark).length;
    return {
      metadata: { generation: version, resourceVersion: String(version) },
      spec: {
        replicas: pods.size,
        paused,
        template: { metadata: { labels: { app: 'web' }, annotations: { [rolloutAnnotation]: mark } } },
      },
      status: { observedGeneration: version, replicas: pods.size, updatedReplicas: updated },
    };
  }

  #roll(ref: WorkloadRef, read: Workload, mark: string): Promise<void> {
    this.beforeRoll();
    const workload = this.workloads.get(ref.uid);
    if (workload === undefined || read.metadata?.resourceVersion !== String(workload.version))
      return Promise.reject(new CertfleetError('aborted', 'the object has been modified', { reason: 'Conflict' }));
    workload.mark = mark;
    workload.version += 1;
    this.rolls.push(ref.name);
    return Promise.resolve();
  }
}

describe('rollouts after renewals', () => {
  test('happen once per renewal of a workload, however many of its pods are renewed', async () => {
    const cluster = new SimulatedCluster();
    const web = cluster.add('web', { replicas: 8 });
    cluster.add('db');
    const replica = cluster.replica();
    await cluster.run(10, replica);
    assert.deepEqual(cluster.rolls, []);
    // The pods are renewed one after another, also while the rollout is in progress.
    for (const pod of [...web.pods.values()]) {
      pod.generation += 1;
      await cluster.run(1, replica);
    }
    await cluster.run(30, replica);
    assert.deepEqual(cluster.rolls, ['web']);
    assert.ok([...web.pods.values()].every(({ generation, mark }) => generation === 1 && mark === web.mark));
    assert.match(cluster.events.join('\n'), /^web CertificateRollout [^\n]*$/);
  });

  test('never cause the next one: a month of renewals has one rollout each', async () => {
    const cluster = new SimulatedCluster();
    const all = [cluster.add('web', { replicas: 5 }), cluster.add('db'), cluster.add('one', { replicas: 1 })];
    const replicas = [cluster.replica(), cluster.replica()];
    for (let renewal = 0; renewal < 30; renewal += 1) {
      for (const workload of all) cluster.renew(workload);
      await cluster.run(20, ...replicas);
      await cluster.clock.advance(hourMs);
    }
    for (const { ref } of all) assert.equal(cluster.rolls.filter((name) => name === ref.name).length, 30, ref.name);
  });

  test('follow a change of the CA file without a renewal, once', async () => {
    const cluster = new SimulatedCluster();
    const web = cluster.add('web', { replicas: 4 });
    const replica = cluster.replica();
    for (const pod of web.pods.values()) pod.isOutdated = true;
    await cluster.run(30, replica);
    assert.deepEqual(cluster.rolls, ['web']);
    assert.ok([...web.pods.values()].every(({ isOutdated, mark }) => isOutdated !== true && mark === web.mark));
  });

  test('are neither repeated nor lost when replicas end and Redis loses the reports at any time', async () => {
    for (let lostAt = 0; lostAt < 8; lostAt += 1) {
      const cluster = new SimulatedCluster();
      const web = cluster.add('web', { replicas: 4 });
      cluster.renew(web);
      let isLost = false;
      const changes = { volumes: () => (isLost ? [] : cluster.volumes()) };
      await cluster.run(lostAt, cluster.replica(changes));
      isLost = true;
      await cluster.run(3, cluster.replica(changes));
      isLost = false;
      await cluster.run(10, cluster.replica(changes), cluster.replica(changes));
      assert.deepEqual(cluster.rolls, ['web'], `lost after ${lostAt} passes`);
      assert.ok([...web.pods.values()].every(({ generation }) => generation === 1));
    }
  });

  test('wait for an incomplete index and for the lease of another replica', async () => {
    const cluster = new SimulatedCluster();
    cluster.renew(cluster.add('web'));
    await cluster.run(5, cluster.replica({ isCurrent: () => false }));
    await cluster.run(5, cluster.replica({ hasLease: () => Promise.resolve(false) }));
    assert.deepEqual(cluster.rolls, []);
  });

  test('of a workload that somebody changes at the same time are decided again', async () => {
    const cluster = new SimulatedCluster();
    const web = cluster.add('web');
    cluster.renew(web);
    cluster.beforeRoll = () => {
      cluster.beforeRoll = () => undefined;
      web.version += 1;
      web.paused = true;
    };
    const replica = cluster.replica();
    await cluster.run(10, replica);
    assert.deepEqual([cluster.rolls, cluster.failures, cluster.blocked], [[], [], 1]);
    assert.match(cluster.events.join('\n'), /^web CertificateRolloutBlocked [^\n]*: it is paused$/);
    web.paused = false;
    await cluster.run(100, replica);
    assert.deepEqual([cluster.rolls, cluster.blocked], [['web'], 0]);
  });

  test('wait for the PodDisruptionBudget', async () => {
    const cluster = new SimulatedCluster();
    cluster.renew(cluster.add('web', { replicas: 8 }));
    const budget = (disruptionsAllowed: number): DisruptionBudget => ({
      metadata: { name: 'web', generation: 1 },
      spec: { selector: { matchLabels: { app: 'web' } } },
      status: { observedGeneration: 1, disruptionsAllowed },
    });
    cluster.budgets = [budget(1)];
    const replica = cluster.replica();
    await cluster.run(20, replica);
    assert.deepEqual([cluster.rolls, cluster.blocked, cluster.events.length], [[], 1, 1]);
    assert.match(cluster.events[0] ?? '', /PodDisruptionBudget web allows 1 disruptions/);
    cluster.budgets = [budget(2)];
    await cluster.run(70, replica);
    assert.deepEqual([cluster.rolls, cluster.blocked], [['web'], 0]);
  });

  test('of workloads with a common PodDisruptionBudget follow each other, also after the loss of a replica', async () => {
    const cluster = new SimulatedCluster();
    for (const name of ['web', 'api', 'db']) cluster.renew(cluster.add(name, { replicas: 4 }));
    // It covers the pods of all three. Between two steps of a rollout, all of them are ready.
    cluster.budgets = [
      {
        metadata: { name: 'shop', generation: 1 },
        spec: { selector: { matchLabels: { app: 'web' } } },
        status: { observedGeneration: 1, disruptionsAllowed: 1 },
      },
    ];
    const partly = (): number => {
      const isPartly = ({ pods, mark }: SimulatedWorkload): boolean =>
        [...pods.values()].some((pod) => pod.mark !== mark);
      return [...cluster.workloads.values()].filter(isPartly).length;
    };
    let replica = cluster.replica();
    for (let pass = 0; cluster.rolls.length < 3 && pass < 300; pass += 1) {
      if (pass % 7 === 0) replica = cluster.replica();
      await replica.run();
      assert.ok(partly() <= 1, `${partly()} rollouts at once after ${cluster.rolls.join()}`);
      cluster.step();
      await cluster.clock.advance(10_000);
    }
    await cluster.run(10, replica);
    assert.deepEqual([...cluster.rolls].sort(), ['api', 'db', 'web']);
    assert.match(
      cluster.events.join('\n'),
      /the rollout of Deployment \w+, which the same PodDisruptionBudget shop applies/,
    );
    assert.equal(cluster.blocked, 0);
  });

  test('that take no pod down need no PodDisruptionBudget, and do not wait for each other', async () => {
    const cluster = new SimulatedCluster();
    // 25% of three pods, rounded down.
    for (const name of ['web', 'api']) cluster.renew(cluster.add(name, { replicas: 3 }));
    cluster.budgets = [
      {
        metadata: { name: 'shop', generation: 1 },
        spec: { selector: {} },
        status: { observedGeneration: 1, disruptionsAllowed: 0 },
      },
    ];
    await cluster.run(2, cluster.replica());
    assert.deepEqual([...cluster.rolls].sort(), ['api', 'web']);
  });

  test('are limited per namespace and in the fleet', async () => {
    const cluster = new SimulatedCluster();
    for (let i = 0; i < 12; i += 1)
      cluster.renew(cluster.add(`w${i}`, { namespace: i < 9 ? 'shop' : `other-${i}`, replicas: 1 }));
    const replica = cluster.replica({ pace: new RolloutPace({ fleet: 3, namespace: 1 }, cluster.clock) });
    await cluster.run(6, replica);
    assert.ok(cluster.rolls.length >= 2 && cluster.rolls.length <= 4, cluster.rolls.join());
    assert.ok(cluster.rolls.filter((name) => Number(name.slice(1)) < 9).length <= 2);
    await cluster.run(80, replica);
    assert.equal(new Set(cluster.rolls).size, 12);
    assert.equal(cluster.rolls.length, 12);
  });

  test('of one workload are ten minutes apart, whatever a node reports', async () => {
    const cluster = new SimulatedCluster();
    const web = cluster.add('web');
    const replica = cluster.replica();
    // An hour in which every new pod is reported as renewed at once.
    for (let pass = 0; pass < 360; pass += 1) {
      for (const pod of web.pods.values()) pod.generation = 9;
      await cluster.run(1, replica);
    }
    assert.ok(cluster.rolls.length >= 5 && cluster.rolls.length <= 6, String(cluster.rolls.length));
  });

  test('do not happen for certificates that would cause them without end', async () => {
    const cluster = new SimulatedCluster();
    cluster.renewalMs = 20 * 60_000;
    cluster.renew(cluster.add('web'));
    await cluster.run(10, cluster.replica());
    assert.deepEqual([cluster.rolls, cluster.blocked], [[], 1]);
    assert.match(cluster.events[0] ?? '', /renewed more often than every 30 minutes/);
  });

  test('that the API server refuses are counted, reported once and tried again, ever more rarely', async () => {
    const cluster = new SimulatedCluster();
    cluster.renew(cluster.add('web'));
    let tries = 0;
    const roll = (): Promise<void> => {
      tries += 1;
      return Promise.reject(new CertfleetError('permission-denied', 'deployments "web" is forbidden'));
    };
    await cluster.run(360, cluster.replica({ api: { ...cluster.api, roll } }));
    assert.ok(tries >= 5 && tries <= 15, String(tries));
    assert.equal(cluster.failures.length, tries);
    assert.equal(cluster.events.length, 1);
  });

  test('of a changed template by somebody else count too, and pods that are gone need none', async () => {
    const cluster = new SimulatedCluster();
    const web = cluster.add('web');
    cluster.renew(web);
    web.mark = 'somebody';
    web.version += 1;
    await cluster.run(5, cluster.replica());
    assert.deepEqual(cluster.rolls, []);
    cluster.workloads.clear();
    const ghost: RollingVolume = {
      node: 'node-1',
      namespace: 'shop',
      pod: 'x',
      podUid: 'x',
      generation: 5,
      rollsWorkload: 1,
    };
    const replica = cluster.replica({ volumes: () => [ghost] });
    await cluster.run(5, replica);
    assert.deepEqual(cluster.rolls, []);
    assert.equal(markOf(undefined), '');
  });
});
