import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { systemClock } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { VolumeReport_Cause, VolumeReport_KeyType, VolumeReport_State } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { FleetFollower } from '../../fleet-index/view/fleet-follower.ts';
import { FleetIndex } from '../../fleet-index/fleet-index.ts';
import type { IssuerName } from '../../fleet-index/model/indexed-volume.ts';
import type { NodeSession } from '../../fleet-index/model/node-session.ts';
import { describeSelection } from '../../fleet-index/query/volume-selection.ts';
import type { VolumeSelection } from '../../fleet-index/query/volume-selection.ts';
import type { LaneTime } from '../../lanes/lane-admission.ts';
import { LanePolicies } from '../../lanes/lane-policies.ts';
import type { LaneOverride, LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { RedisConnections } from '../../redis/redis-connections.ts';
import { nodeQueueName, nodeQueuePrefix, redisKeys } from '../../redis/redis-keys.ts';
import type { BulkRenewalStart, RenewalRequester } from '../bulk-renewal.ts';
import type { DispatchObserver } from '../dispatch-observer.ts';
import { nodeJobNames } from '@certfleet/fleet-model/node-job.ts';
import type { DeferralJob, RenewalJob } from '@certfleet/fleet-model/node-job.ts';
import { RenewalDispatcher } from '../renewal-dispatcher.ts';

export interface TestReplicaOptions {
  readonly url: string;
  readonly prefix: string;
  readonly policy?: Partial<LanePolicy>;
  readonly overrides?: readonly LaneOverride[];
  /** Instead of `policy` and `overrides`. */
  readonly policies?: LanePolicies;
  readonly observer?: DispatchObserver;
  readonly laneTime?: LaneTime;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** A replica of the controller without its servers: index, view and dispatcher on a real Redis. */
export interface TestReplica {
  readonly connections: RedisConnections;
  readonly index: FleetIndex;
  readonly follower: FleetFollower;
  readonly dispatcher: RenewalDispatcher;
  stop(): Promise<void>;
}

export const silentLogger = createLogger(0, { write: () => undefined });

/** Starts a replica; with `isDispatching: false` it processes no due jobs. */
export function startReplica(options: TestReplicaOptions, isDispatching = true): TestReplica {
  const { url, prefix, clock = systemClock, logger = silentLogger } = options;
  const keys = redisKeys(prefix);
  const connections = new RedisConnections({ config: { url }, clock, logger });
  const redis = connections.commands;
  const policies = options.policies ?? new LanePolicies(options.policy, options.overrides);
  const follower = new FleetFollower({ redis: connections.create('follower', 'follower'), keys, clock, logger });
  const dispatcher = new RenewalDispatcher({
    connections,
    prefix,
    policies,
    view: () => follower.view,
    clock,
    logger,
    ...(options.observer && { observer: options.observer }),
    ...(options.laneTime && { laneTime: options.laneTime }),
  });
  const index = new FleetIndex({ redis, keys, sink: dispatcher, clock, logger });
  connections.start();
  follower.start();
  if (isDispatching) dispatcher.start();
  return {
    connections,
    index,
    follower,
    dispatcher,
    async stop() {
      await dispatcher.stop();
      follower.stop();
      connections.stop();
    },
  };
}

/** Pauses a lane as a replica does that has just seen its LanePolicy. */
export async function pauseLane({ dispatcher }: TestReplica, issuer: IssuerName): Promise<void> {
  const pause = { by: 'alice', reason: 'the CA moves', atMs: Date.now(), policy: 'the-ca-moves' };
  await dispatcher.pauses.store(new Map([[issuer, pause]]));
  await dispatcher.pauses.recall([issuer]);
}

export async function resumeLane({ dispatcher }: TestReplica, issuer: IssuerName): Promise<void> {
  await dispatcher.pauses.end([issuer]);
}

/** Waits for a condition without a time limit; the test runner's limit applies. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The parts of a volume that a test specifies; the others have defaults. */
export interface VolumeSketch {
  readonly id: string;
  readonly issuer?: string;
  readonly generation?: number;
  readonly namespace?: string;
  readonly pod?: string;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly renewAtMs?: number;
  readonly attempts?: number;
  readonly failedAtMs?: number;
  /** The first of its failed attempts, as newer agents report it. */
  readonly failingSinceMs?: number;
  readonly caFingerprint?: string;
}

/** A report as an agent sends it. The volume is due at once unless `renewAtMs` is set. */
export function reportOf(given: VolumeSketch): VolumeReport {
  const now = Date.now();
  const sketch = {
    issuer: 'ca',
    generation: 1,
    namespace: 'default',
    pod: `pod-${given.id}`,
    notBeforeMs: now - 60_000,
    notAfterMs: now + 3_600_000,
    renewAtMs: now - 1_000,
    attempts: 0,
    failedAtMs: now,
    caFingerprint: 'ca'.repeat(32),
    ...given,
  };
  const { failingSinceMs } = given;
  const failure = {
    at: new Date(sketch.failedAtMs),
    since: failingSinceMs === undefined ? undefined : new Date(failingSinceMs),
    reason: 'IssuerFailed',
    message: 'issuer unavailable',
  };
  return {
    volumeId: sketch.id,
    pod: { namespace: sketch.namespace, name: sketch.pod, uid: `uid-${sketch.id}` },
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: sketch.issuer },
    generation: sketch.generation,
    state: sketch.attempts > 0 ? VolumeReport_State.FAILING : VolumeReport_State.READY,
    keyType: VolumeReport_KeyType.ECDSA,
    cause: VolumeReport_Cause.MOUNT,
    lastIssuanceMs: 0,
    certificate: {
      serialNumber: '0a'.repeat(16),
      fingerprintSha256: 'fe'.repeat(32),
      notBefore: new Date(sketch.notBeforeMs),
      notAfter: new Date(sketch.notAfterMs),
      renewAt: new Date(sketch.renewAtMs),
      issuedAt: new Date(sketch.notBeforeMs),
      caFingerprintsSha256: [sketch.caFingerprint],
      subject: 'CN=service',
      dnsNames: ['service.default.svc'],
      uris: [],
      ipAddresses: [],
      posture: undefined,
    },
    lastFailure: sketch.attempts === 0 ? undefined : { ...failure, attempts: sketch.attempts },
    deferredUntil: undefined,
    served: undefined,
    additionalTrust: undefined,
    rollsWorkload: false,
    podIsOutdated: false,
    workload: undefined,
    podLabels: [],
  };
}

/** The agent of one node: takes jobs from its queue and answers as the test specifies. */
export class TestAgent {
  readonly node: string;
  /** Every job taken, with its time. */
  readonly jobs: (RenewalJob & { readonly atMs: number })[] = [];
  /** Every deferral received. */
  readonly deferrals: DeferralJob[] = [];
  /** Jobs that have left the queue. */
  completed = 0;
  /** Emits `job` for each job and `hold` for each deferral. */
  readonly events = new EventEmitter();
  readonly #worker: Worker<RenewalJob>;
  readonly #redis: Redis;

  constructor(replica: TestReplica, prefix: string, node: string, answer: (job: RenewalJob) => Promise<void>) {
    this.node = node;
    this.#redis = replica.connections.create('worker', `agent-${node}`) as Redis;
    this.#worker = new Worker<RenewalJob>(
      nodeQueueName,
      async ({ name, data }) => {
        if (name === nodeJobNames.deferral) {
          this.deferrals.push(data as unknown as DeferralJob);
          this.events.emit('defer', data);
          return;
        }
        this.jobs.push({ ...data, atMs: Date.now() });
        this.events.emit('job', data);
        await answer(data);
      },
      {
        connection: this.#redis,
        prefix: nodeQueuePrefix(prefix, node),
        concurrency: 4,
        drainDelay: 60,
        stalledInterval: 300_000,
        skipVersionCheck: true,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      },
    );
    this.#worker.on('completed', () => (this.completed += 1));
    this.#worker.on('error', () => undefined);
  }

  async stop(): Promise<void> {
    await this.#worker.close(true);
    this.#redis.disconnect();
  }
}

/** Connects a node and reports the volumes as its whole snapshot. */
export async function enrol(
  replica: TestReplica,
  node: string,
  volumes: readonly VolumeReport[],
): Promise<NodeSession> {
  const session = await replica.index.openSession(node, { agentVersion: 'test', connectedTo: 'replica' });
  await replica.index.applySnapshot(session, [volumes]);
  return session;
}

/** Requests the renewal of the volumes that a selection matches. @returns the id of the bulk renewal */
export async function requestRenewal(
  { dispatcher: { bulks } }: TestReplica,
  selection: VolumeSelection,
  requester: RenewalRequester & Pick<BulkRenewalStart, 'stopsAt'>,
): Promise<string> {
  const { volumes } = bulks.select(selection);
  const id = randomBytes(8).toString('hex');
  const counts = { total: volumes.length, renewed: 0, failures: 0 };
  await bulks.ensure({ ...requester, ...counts, id, selection: describeSelection(selection), createdAtMs: Date.now() });
  await bulks.add(id, requester.ignoreWindows === true, volumes);
  await bulks.schedule(id);
  return id;
}
