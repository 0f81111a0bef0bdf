import { hostname } from 'node:os';
import type { Clock } from '@certfleet/shared/clock.ts';
import { HttpEndpoint, text } from '@certfleet/shared/http-endpoint.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import { LeaderElection } from '@certfleet/shared/kube/leader-election.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { SignerConfig } from './config.ts';
import { openIssuer } from './issuers/open-issuer.ts';
import { podCertificateSignerKind } from './kind/pod-certificate-signer-kind.ts';
import { openKubeClient } from './kube-client.ts';
import { LaneLimitTable, laneKeyOf } from './lanes/lane-limits.ts';
import { followLanePolicies } from './lanes/lane-policy-feed.ts';
import { PermitClient } from './lanes/permit-client.ts';
import { issuerKeyOf, SharedLanes } from './lanes/shared-lanes.ts';
import { StartingPods } from './lanes/starting-pods.ts';
import { SignerMetrics } from './observability/signer-metrics.ts';
import { parseSignerObject } from './policy/signer-policy.ts';
import type { SignerObject, SignerPolicy } from './policy/signer-policy.ts';
import { RequestFeed } from './requests/request-feed.ts';
import { AnswerMemory } from './signing/answer-memory.ts';
import { Coordinator } from './signing/coordinator.ts';
import { PacedLane } from './signing/paced-lane.ts';
import type { LaneLimits } from './signing/paced-lane.ts';
import { Places } from './signing/places.ts';
import { SignerWork } from './signing/signer-work.ts';
import { StatusReporter } from './signing/status-reporter.ts';
import { TrustBundles } from './trust/trust-bundles.ts';

export interface SignerOptions {
  readonly config: SignerConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Replaces the client that the flags and the environment describe. */
  readonly client?: KubeClient;
}

/** The resource of the PodCertificateSigners. */
const signersResource: ApiResource = {
  group: 'certfleet.io',
  version: 'v1alpha1',
  plural: podCertificateSignerKind.plural,
};

/** The pod certificate signer: follows requests and policies, and signs while it leads. */
export class Signer {
  readonly #options: SignerOptions;
  readonly #stops: (() => unknown)[] = [];
  #parts: { readonly feed: RequestFeed; readonly signers: SignersWatch } | undefined;

  constructor(options: SignerOptions) {
    this.#options = options;
  }

  /** Resolves with the port of metrics and probes, when the watches are started. */
  async start(): Promise<{ readonly ops: number | undefined }> {
    const { config, env, clock } = this.#options;
    const client = this.#options.client ?? (await openKubeClient({ kubeconfig: config.kubeconfig, env, clock }));
    this.#stops.push(() => client.stop());
    const coordinator: Coordinator = new Coordinator((policy) => this.#createWork(policy, parts));
    const pacing = this.#openPacing(client, coordinator);
    const metrics = new SignerMetrics({
      isLeading: () => coordinator.isLeading,
      signers: () => coordinator.gauges(),
      sharedLanes: () => pacing.sharedLanes.gauges(),
    });
    const feed = this.#openFeed(client, coordinator);
    const parts: WorkParts = { client, coordinator, metrics, feed, ...pacing, ...memories(clock) };
    this.#parts = { feed, signers: this.#openSigners(client, coordinator) };
    this.#openReporter(client, coordinator);
    this.#openTrustBundles(client, coordinator);
    this.#openElection(client, coordinator);
    return { ops: await this.#openEndpoint(metrics) };
  }

  async stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) await stop();
  }

  #createWork(policy: SignerPolicy, parts: WorkParts): SignerWork {
    const { clock, log, config } = this.#options;
    const { client, coordinator, metrics, feed, lanes, sharedLanes, startingPods, places, answers } = parts;
    const key = policy.lane === undefined ? laneKeyOf(policy.name) : issuerKeyOf(policy.lane);
    const limits = (): LaneLimits => lanes.of(key);
    return new SignerWork({
      clock,
      log: log.child({ signer: policy.name }),
      policy,
      issuer: openIssuer(policy.issuer, {
        client,
        clock,
        namespace: config.namespace,
        vaultTokenFile: config['vault-token-file'],
      }),
      lane: policy.lane === undefined ? new PacedLane({ clock, limits }) : sharedLanes.of(policy.lane),
      spread: () => limits().policy,
      isStarting: (podUid) => startingPods.has(podUid),
      latest: (uid) => coordinator.latest(uid),
      writeStatus: (request, status) => feed.writeStatus(request, status),
      places,
      answers,
      observer: metrics,
    });
  }

  #openFeed(client: KubeClient, coordinator: Coordinator): RequestFeed {
    const { clock, log } = this.#options;
    const feed = new RequestFeed({
      client,
      clock,
      log,
      onRequest: (request) => coordinator.setRequest(request),
      onRemoved: (uid) => coordinator.removeRequest(uid),
      onSynced: (requests) => coordinator.syncRequests(requests),
    });
    feed.start();
    this.#stops.push(() => feed.stop());
    return feed;
  }

  #openPacing(client: KubeClient, coordinator: Coordinator): Pick<WorkParts, 'lanes' | 'sharedLanes' | 'startingPods'> {
    const { clock, log } = this.#options;
    const lanes = new LaneLimitTable();
    const policies = followLanePolicies({ client, clock, log, table: lanes });
    const onChange = (podUid: string): void => coordinator.podChanged(podUid);
    const startingPods = new StartingPods({ client, clock, log, onChange });
    startingPods.start();
    this.#stops.push(() => Promise.all([policies.stop(), startingPods.stop()]));
    return { lanes, sharedLanes: this.#openSharedLanes(lanes), startingPods };
  }

  #openSharedLanes(lanes: LaneLimitTable): SharedLanes {
    const { clock, log, config } = this.#options;
    const [url, caFile, tokenFile] = [
      config['controller-url'],
      config['controller-ca-file'],
      config['controller-token-file'],
    ];
    const controller = url === undefined ? undefined : new PermitClient({ url, caFile, tokenFile, clock });
    const shared = new SharedLanes({ clock, log, ask: controller?.ask, limitsOf: (key) => lanes.of(key) });
    this.#stops.push(() => {
      shared.stop();
      controller?.close();
    });
    return shared;
  }

  #openSigners(client: KubeClient, coordinator: Coordinator): SignersWatch {
    const { clock, log } = this.#options;
    const state: SignersWatch = { problem: 'the PodCertificateSigners are not loaded yet' };
    const watch = new ResourceWatch<SignerObject>({
      client,
      clock,
      resource: signersResource,
      // A policy that was restricted before this start must not be used in its earlier form.
      isFirstListFresh: true,
      project: parseSignerObject,
      onEvent: ({ type, object }) =>
        type === 'DELETED' ? coordinator.removeSigner(object.name) : coordinator.setSigner(object),
      onSynced: (objects) => {
        coordinator.syncSigners(objects);
        state.problem = undefined;
      },
      onOpen: () => (state.problem = undefined),
      onError: ({ message }) => {
        if (state.problem !== message) log.warn({ error: message }, 'cannot follow PodCertificateSigners, retrying');
        state.problem = message;
      },
    });
    watch.start();
    this.#stops.push(() => watch.stop());
    return state;
  }

  #openReporter(client: KubeClient, coordinator: Coordinator): void {
    const { clock, log } = this.#options;
    const states = (): ReturnType<Coordinator['states']> => (coordinator.isLeading ? coordinator.states() : []);
    const reporter = new StatusReporter({ client, clock, log, resource: signersResource, states });
    reporter.start();
    this.#stops.push(() => reporter.stop());
  }

  #openTrustBundles(client: KubeClient, coordinator: Coordinator): void {
    const { clock, log, config } = this.#options;
    if (!config['trust-bundles']) return;
    const bundles = new TrustBundles({ client, clock, log, signers: () => coordinator.active() });
    bundles.start();
    this.#stops.push(() => bundles.stop());
  }

  #openElection(client: KubeClient, coordinator: Coordinator): void {
    const { clock, log, config } = this.#options;
    const election = new LeaderElection({
      client,
      clock,
      log,
      namespace: config.namespace,
      name: config['lease-name'],
      identity: config['replica-name'] ?? hostname(),
      onLead: () => coordinator.lead(),
      onResign: () => coordinator.resign(),
    });
    election.start();
    this.#stops.push(() => election.stop());
  }

  async #openEndpoint(metrics: SignerMetrics): Promise<number | undefined> {
    const address = this.#options.config['ops-bind-address'];
    if (address === undefined) return undefined;
    const { registry } = metrics;
    const endpoint = new HttpEndpoint(address, {
      '/healthz': () => text(200, 'ok\n'),
      '/readyz': () => {
        const problem = this.#problem();
        return problem === undefined ? text(200, 'ok\n') : text(503, `${problem}\n`);
      },
      '/metrics': async () => ({ status: 200, contentType: registry.contentType, body: await registry.metrics() }),
    });
    const port = await endpoint.start();
    this.#stops.push(() => endpoint.stop());
    return port;
  }

  #problem(): string | undefined {
    return this.#parts === undefined ? 'the signer starts' : (this.#parts.feed.problem ?? this.#parts.signers.problem);
  }
}

interface SignersWatch {
  problem: string | undefined;
}

interface WorkParts {
  readonly client: KubeClient;
  readonly coordinator: Coordinator;
  readonly metrics: SignerMetrics;
  readonly feed: RequestFeed;
  readonly lanes: LaneLimitTable;
  readonly sharedLanes: SharedLanes;
  readonly startingPods: StartingPods;
  readonly places: Places;
  readonly answers: AnswerMemory;
}

/** What outlives a change of a policy. */
function memories(clock: Clock): Pick<WorkParts, 'places' | 'answers'> {
  return { places: new Places(clock), answers: new AnswerMemory(clock) };
}
