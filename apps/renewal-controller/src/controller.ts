import { hostname } from 'node:os';
import { missedHeartbeats } from '@certfleet/fleet-model/heartbeat.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { trimHeap } from '@certfleet/shared/trim-heap.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { identifyAgents, nodeAccess } from './agent-access.ts';
import { apiSettings, configuredPostureLimits, createApiContext, fleetSettings } from './create-api-context.ts';
import type { ApiContextParts } from './create-api-context.ts';
import { createPodCertificates, type FollowedPodCertificates } from './create-pod-certificates.ts';
import { createRenewals, type Renewals } from './create-renewals.ts';
import { grpcAddress } from './bind-address.ts';
import { redisConfigOf, type ControllerConfig } from './config.ts';
import { pruneLanes } from './dispatch/prune-lanes.ts';
import { RenewalDispatcher } from './dispatch/renewal-dispatcher.ts';
import { FleetServer } from './fleet-api/fleet-server.ts';
import { startQuestions } from './fleet-api/start-questions.ts';
import { notReady } from './fleet-api/volume-descriptions.ts';
import type { DescribeVolume } from './fleet-api/volume-descriptions.ts';
import { FleetFollower } from './fleet-index/view/fleet-follower.ts';
import { FleetIndex } from './fleet-index/fleet-index.ts';
import { createApi, listen } from './http/api-server.ts';
import { ChangeFeed } from './http/live/change-feed.ts';
import { createOpsServer } from './http/ops-server.ts';
import type { IdentifyAgent } from './identity/agent-identity.ts';
import { openKubeClient, requireKube } from './identity/kube-client.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { NodeAccess } from './identity/node-access.ts';
import { reviewClient } from './identity/review-client.ts';
import type { ReviewClient } from './identity/review-client.ts';
import { NodeSweeper } from './identity/node-sweeper.ts';
import { openServingCertificate } from './identity/serving-certificate.ts';
import type { ServingCertificate } from './identity/serving-certificate.ts';
import { LanePolicies } from './lanes/lane-policies.ts';
import { readLanePolicies } from './lanes/read-lane-policies.ts';
import { ControllerMetrics } from './observability/controller-metrics.ts';
import { takeSnapshot } from './observability/controller-snapshot.ts';
import { operatorAccess } from './operator-access.ts';
import { OperatorIntent } from './operator-intent.ts';
import type { OperatorIntentParts } from './operator-intent.ts';
import { Readiness } from './readiness.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { loadQueueScripts } from './redis/queue-scripts.ts';
import { redisKeys } from './redis/redis-keys.ts';
import type { RedisKeys } from './redis/redis-keys.ts';
import { StopStack } from './stop-stack.ts';

export interface ControllerOptions {
  readonly config: ControllerConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Listening ports; 0 for a Unix socket, undefined if disabled. */
export interface ControllerPorts {
  readonly fleet: number;
  readonly api: number | undefined;
  readonly ops: number | undefined;
}

type SharedParts = Omit<OperatorIntentParts, 'directory' | 'client'> &
  Pick<ApiContextParts, 'silentAfterMs' | 'cluster' | 'podLabels'>;

/**
 * One replica of the controller: `start` constructs the services in the order of the data flow, `stop` stops them in
 * reverse.
 */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #keys: RedisKeys;
  readonly #started: StopStack;
  readonly #connections: RedisConnections;
  readonly #feed: ChangeFeed;
  readonly #follower: FleetFollower;
  readonly #dispatcher: RenewalDispatcher;
  readonly #metrics: ControllerMetrics;
  readonly #policies: LanePolicies;
  readonly #readiness: Readiness;
  #server: FleetServer | undefined;
  #intent: OperatorIntent | undefined;
  #renewals: Renewals | undefined;
  #podCertificates: FollowedPodCertificates | undefined;
  #questions: { readonly describeVolume: DescribeVolume } = { describeVolume: notReady };
  readonly #describeVolume: DescribeVolume = (volume) => this.#questions.describeVolume(volume);

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { config, clock, log } = options;
    this.#started = new StopStack({ clock, log });
    const prefix = config['redis-prefix'];
    this.#keys = redisKeys(prefix);
    this.#connections = new RedisConnections({
      config: redisConfigOf(config),
      clock,
      logger: log,
      prefix,
      nodes: () => this.#follower.view.nodes().length,
      maintain: loadQueueScripts,
      makesUsers: config['redis-node-access'] === 'acl',
    });
    this.#feed = new ChangeFeed(clock);
    const redis = this.#connections.create('follower', 'follower');
    // Half of the heartbeat interval, so that no node appears silent because of the time between two reads.
    const seenEveryMs = config['heartbeat-interval'] / 2;
    const following = { keys: this.#keys, clock, logger: log, seenEveryMs, listener: this.#feed };
    this.#follower = new FleetFollower({ redis, ...following, postureLimits: configuredPostureLimits(config) });
    const sources = {
      ...{ clock, ...fleetSettings(config) },
      dispatcher: () => this.#dispatcher,
      index: this.#follower,
      connections: this.#connections,
      agentsConnected: () => this.#server?.connected ?? 0,
      silentAfterMs: this.#silentAfterMs,
      intent: () => this.#intent,
      podCertificates: () => this.#podCertificates?.current,
      cas: { maxNamed: config['ca-metrics'], nameOf: (ca: string) => this.#renewals?.nameOfCa(ca) },
    };
    this.#readiness = new Readiness({
      clock,
      index: this.#follower,
      redisHealth: () => this.#connections.health,
      intentProblem: () => this.#intent?.problem(),
    });
    this.#metrics = new ControllerMetrics(() => takeSnapshot(sources), clock, config['cluster-name']);
    this.#connections.onStateLoss((lost) => this.#metrics.redisStateLost(lost));
    const { defaults, overrides } = readLanePolicies(config['lane-policies-file']);
    this.#policies = new LanePolicies(defaults, overrides);
    this.#dispatcher = new RenewalDispatcher({
      connections: this.#connections,
      prefix,
      policies: this.#policies,
      view: () => this.#follower.view,
      clock,
      logger: log,
      observer: this.#metrics,
      concurrency: config['dispatch-concurrency'],
      silentAfterMs: this.#silentAfterMs,
      isRequestInForce: (bulk) => this.#renewals?.inForce.has(bulk) ?? false,
    });
  }

  /** @throws the error that prevents the controller from serving; the services started so far are stopped */
  async start(): Promise<ControllerPorts> {
    try {
      return await this.#start();
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
  }

  async stop(): Promise<void> {
    await this.#started.stop();
  }

  async #start(): Promise<ControllerPorts> {
    const { config, env, clock, log } = this.#options;
    this.#started.defer(trimHeap(clock));
    const client = await openKubeClient({ kubeconfig: config.kubeconfig, env, clock });
    this.#started.defer(() => client?.stop());
    const certificate = await openServingCertificate(config, { clock, log });
    this.#started.defer(() => certificate?.stop());
    this.#connections.start();
    this.#started.defer(() => this.#connections.stop());
    this.#follower.start();
    this.#started.defer(() => this.#follower.stop());
    const shared = { ...this.#shared, client };
    const podCertificates = (this.#podCertificates = createPodCertificates({ ...shared, config }));
    podCertificates?.start();
    this.#started.defer(() => podCertificates?.stop());
    const intent = (this.#intent = new OperatorIntent({ ...shared, directory: config['intent-directory'] }));
    this.#started.defer(() => intent.stop());
    const parts = { ...shared, intent, follower: this.#follower, action: config['ca-change-action'] };
    const rolling = { config, observe: this.#metrics, podCertificates: () => this.#podCertificates?.current };
    const renewals = (this.#renewals = createRenewals({ ...parts, ...rolling, describeVolume: this.#describeVolume }));
    const { pausesKnown } = await intent.start();
    this.#dispatcher.start(pausesKnown);
    this.#started.defer(() => this.#dispatcher.stop());
    renewals.start();
    this.#started.defer(() => renewals.stop());
    const isCurrent = (): boolean => this.#follower.isCurrent;
    this.#started.defer(pruneLanes({ isCurrent, prune: () => this.#dispatcher.prune(), clock, log }));
    const redis = this.#connections.commands;
    const access = nodeAccess(config, redis, clock);
    const ops = await this.#startOps();
    const index = new FleetIndex({ redis, keys: this.#keys, sink: this.#dispatcher, clock, logger: log });
    this.#startSweeper(client, index, access);
    const api = await this.#startApi(client, certificate, { ...renewals.forApi, pauses: intent.pauses });
    const identify = identifyAgents(config, (flag) => this.#reviews(client, flag), clock);
    const fleet = await this.#startFleet({ identify, index, access, certificate });
    this.#readiness.noteServing();
    return { fleet, api, ops };
  }

  /** @param forWhat the flag that requires token reviews */
  #reviews(client: KubeClient | undefined, forWhat: string): ReviewClient {
    const { clock, log } = this.#options;
    const observe = this.#metrics.reviewed.bind(this.#metrics);
    return reviewClient({ client: requireKube(client, forWhat), clock, log, observe });
  }

  async #startOps(): Promise<number | undefined> {
    const address = this.#options.config['ops-bind-address'];
    if (address === undefined) return undefined;
    const server = createOpsServer({ registry: this.#metrics.registry, status: () => this.#readiness.look() });
    this.#started.defer(() => server.close());
    return await listen(server, address);
  }

  async #startApi(
    client: KubeClient | undefined,
    certificate: ServingCertificate | undefined,
    operations: Renewals['forApi'] & Pick<OperatorIntent, 'pauses'>,
  ): Promise<number | undefined> {
    const { config, clock, log } = this.#options;
    const address = config['api-bind-address'];
    if (address === undefined) return undefined;
    const api = await createApi({
      context: createApiContext({
        ...this.#shared,
        ...operations,
        client,
        feed: this.#feed,
        describeVolume: this.#describeVolume,
        podCertificates: () => this.#podCertificates?.current,
      }),
      ...operatorAccess({
        config,
        redis: this.#connections.commands,
        keys: this.#keys,
        reviews: (flag) => this.#reviews(client, flag),
        clock,
      }),
      certificate,
      ...apiSettings(config),
      log,
    });
    this.#started.defer(() => api.close());
    return await listen(api, address);
  }

  async #startFleet(parts: {
    identify: IdentifyAgent;
    index: FleetIndex;
    access: NodeAccess;
    certificate: ServingCertificate | undefined;
  }): Promise<number> {
    const { config } = this.#options;
    const server = new FleetServer({
      ...this.#shared,
      ...parts,
      address: grpcAddress(config['fleet-bind-address']),
      heartbeatSeconds: Math.max(1, Math.round(config['heartbeat-interval'] / 1000)),
      observer: this.#metrics,
    });
    this.#server = server;
    this.#started.defer(() => server.stop());
    this.#connections.onReplaced(() => server.redisReplaced());
    const port = await server.start();
    const questions = startQuestions({ ...this.#shared, server });
    // Stops before the API, so that no pending query delays the stop of the API.
    this.#started.defer(() => questions.stop());
    this.#questions = questions;
    return port;
  }

  #startSweeper(client: KubeClient | undefined, index: FleetIndex, access: NodeAccess): void {
    const forgetAfterMs = this.#options.config['forget-node-after'];
    const sweeper = new NodeSweeper({ ...this.#shared, index, access, client, forgetAfterMs });
    sweeper.start();
    this.#started.defer(() => sweeper.stop());
  }

  /** What many services have in common. */
  get #shared(): SharedParts {
    const { clock, log } = this.#options;
    return {
      connections: this.#connections,
      keys: this.#keys,
      dispatcher: this.#dispatcher,
      policies: this.#policies,
      view: () => this.#follower.view,
      replica: this.#replica,
      silentAfterMs: this.#silentAfterMs,
      ...fleetSettings(this.#options.config),
      clock,
      log,
    };
  }

  get #replica(): string {
    return this.#options.config['replica-name'] ?? hostname();
  }

  get #silentAfterMs(): number {
    return missedHeartbeats * this.#options.config['heartbeat-interval'];
  }
}
