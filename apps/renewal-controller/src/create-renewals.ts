import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { AuditLog } from './audit/audit-log.ts';
import { lastingAudit } from './audit/lasting-audit.ts';
import type { ControllerConfig } from './config.ts';
import type { RenewalDispatcher } from './dispatch/renewal-dispatcher.ts';
import { createRollouts, rolloutAccess } from './create-rollouts.ts';
import type { RolloutsParts } from './create-rollouts.ts';
import { readIndexState } from './fleet-index/index-state.ts';
import type { DescribeVolume } from './fleet-api/volume-descriptions.ts';
import { CaHistory, caHistoryWork, largestFirst } from './fleet-index/view/ca-history.ts';
import type { CaCounts } from './fleet-index/view/ca-history.ts';
import type { FleetFollower } from './fleet-index/view/fleet-follower.ts';
import type { FleetView } from './fleet-index/view/fleet-view.ts';
import { announceChanges } from './fleet-index/write/announce-changes.ts';
import type { ApiContext } from './http/routes/api-context.ts';
import { operatorsClient } from './identity/operators-client.ts';
import type { IntentStore } from './intent/intent-store.ts';
import type { IntentEvents } from './kube/intent-events.ts';
import type { PodCertificates } from './pod-certificates/pod-certificate-view.ts';
import type { RedisConnections } from './redis/redis-connections.ts';
import type { RedisKeys } from './redis/redis-keys.ts';
import { ApiActions } from './renewals/api-actions.ts';
import { RenewalReconciler } from './renewals/renewal-reconciler.ts';
import { RenewalRequests } from './renewals/renewal-requests.ts';
import { RenewalsInForce } from './renewals/renewals-in-force.ts';
import { FleetCas } from './rotations/fleet-cas.ts';
import { RedisProposalMemory } from './rotations/proposal-memory.ts';
import { RotationProposer } from './rotations/rotation-proposer.ts';
import type { CaChangeAction } from './rotations/rotation-proposer.ts';
import type { RotationReconcilerParts } from './rotations/reconciler-parts.ts';
import { RotationReconciler } from './rotations/rotation-reconciler.ts';
import { RotationRequests } from './rotations/rotation-requests.ts';
import { SignerTrustReader } from './rotations/signer-trust.ts';
import { WorkloadRoller } from './rotations/workload-roller.ts';
import { volumeSelector } from './renewals/volume-selector.ts';

export interface RenewalsParts extends Pick<RolloutsParts, 'observe' | 'replica'> {
  readonly config: RolloutsParts['config'] & Pick<ControllerConfig, 'ca-metrics'>;
  readonly intent: {
    readonly store: IntentStore;
    readonly events: IntentEvents;
    readonly problem: () => string | undefined;
  };
  readonly client: KubeClient | undefined;
  readonly connections: RedisConnections;
  readonly keys: RedisKeys;
  readonly dispatcher: RenewalDispatcher;
  readonly follower: FleetFollower;
  readonly describeVolume: DescribeVolume;
  /** Undefined if the pod certificates of the cluster are not followed. */
  readonly podCertificates: () => PodCertificates | undefined;
  /** --ca-change-action */
  readonly action: CaChangeAction;
  /** Name of the cluster. */
  readonly cluster: string | undefined;
  /** Nodes have this long to report after Redis has lost everything. */
  readonly silentAfterMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Renewals on demand, CA rotations with the history of CAs, and rollouts: their work, and what the API needs of them. */
export interface Renewals {
  readonly forApi: Pick<
    ApiContext,
    'audit' | 'announce' | 'selectVolumes' | 'renewals' | 'rotations' | 'isIndexCurrent' | 'intentProblem' | 'caHistory'
  >;
  readonly inForce: RenewalsInForce;
  /** The subject of a CA with a series of its own in the metrics; undefined until it is known. */
  nameOfCa(fingerprint: string): string | undefined;
  start(): void;
  stop(): Promise<void>;
}

/** Creates the services of renewals on demand and of CA rotations. */
export function createRenewals(parts: RenewalsParts): Renewals {
  const { intent, client, connections, keys, dispatcher, follower, silentAfterMs, cluster, clock, log } = parts;
  const { store, events } = intent;
  const { bulks } = dispatcher;
  const redis = connections.commands;
  // Best effort: the operator's action is complete even if the announcement fails.
  const announce: ApiContext['announce'] = (kinds) => announceChanges(redis, keys, kinds).catch(() => undefined);
  const lasting = lastingAudit({ store, events, client, cluster });
  const audit = new AuditLog({ redis, keys, log, announce: () => announce(['audit']), clock, cluster, lasting });
  const selectVolumes = volumeSelector(operatorsClient(client, log));
  const apiActions = new ApiActions(redis, keys);
  const view = (): FleetView => follower.view;
  const isViewCurrent = (): boolean => follower.isCurrent;
  const common = { view, clock, apiActions, store, bulks, selectVolumes, logger: log, isViewCurrent };
  const shared = {
    ...common,
    readIndex: () => readIndexState(redis, keys),
    audit,
    announce,
    recordEvent: events.record.bind(events),
  };
  const reconciler = new RenewalReconciler({ ...shared, settleMs: silentAfterMs });
  connections.onReplaced(() => reconciler.redisLost());
  connections.onStateLoss(() => {
    reconciler.redisLost();
    void audit.restore();
  });
  // Redis may be a new one.
  void store.loaded('Renewal').then(
    () => audit.restore(),
    () => undefined,
  );
  const renewals = new RenewalRequests({ ...common, reconciler });
  const rolling = rolloutAccess(parts);
  const rotations = createRotations(parts, { ...shared, roller: new WorkloadRoller({ store, rolling, clock, log }) });
  const state = { isIndexCurrent: common.isViewCurrent, intentProblem: () => intent.problem() };
  const rollouts = createRollouts(parts, rolling);
  return {
    forApi: { audit, announce, selectVolumes, renewals, ...rotations.forApi, ...state },
    inForce: new RenewalsInForce(store),
    nameOfCa: rotations.nameOfCa,
    start: () => {
      reconciler.start();
      rotations.start();
      rollouts?.start();
    },
    stop: async () => {
      await rollouts?.stop();
      await rotations.stop();
      await reconciler.stop();
      audit.stop();
    },
  };
}

interface Rotations extends Pick<Renewals, 'start' | 'stop' | 'nameOfCa'> {
  readonly forApi: Pick<ApiContext, 'rotations' | 'caHistory'>;
}

/** What carries out rotations, proposes them, and changes them for the API, and the history of CAs. */
function createRotations(
  parts: RenewalsParts,
  shared: Omit<RotationReconcilerParts, 'silentAfterMs' | 'fleetCas' | 'podCertificates'>,
): Rotations {
  const { config, describeVolume, action, silentAfterMs, connections, keys, clock, log } = parts;
  const { follower: index, client } = parts;
  const fleetCas = new FleetCas({ ...shared, silentAfterMs, describeVolume });
  const podCertificates = client && {
    current: parts.podCertificates,
    readTrust: new SignerTrustReader(client, clock).read,
  };
  const common = { ...shared, silentAfterMs, fleetCas, podCertificates };
  const reconciler = new RotationReconciler(common);
  const memory = new RedisProposalMemory(connections.commands, keys);
  const proposer = new RotationProposer({ ...common, action, memory });
  const history = new CaHistory(connections.commands, keys);
  const maxNamed = config['ca-metrics'];
  const learn = ({ cas }: CaCounts): Promise<void> =>
    fleetCas.learn(
      largestFirst(cas)
        .slice(0, maxNamed)
        .map(([fingerprint]) => fingerprint),
    );
  const recording = caHistoryWork({ history, index, learn, clock, log });
  return {
    nameOfCa: (fingerprint) => fleetCas.subjectOf(fingerprint),
    forApi: { rotations: new RotationRequests({ ...common, reconciler }), caHistory: history },
    start: () => {
      reconciler.start();
      proposer.start();
      recording.start();
    },
    stop: async () => {
      await recording.stop();
      await proposer.stop();
      await reconciler.stop();
    },
  };
}
