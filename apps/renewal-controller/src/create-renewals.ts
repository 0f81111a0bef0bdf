import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { AuditLog } from './audit/audit-log.ts';
import type { RenewalDispatcher } from './dispatch/renewal-dispatcher.ts';
import { readIndexState } from './fleet-index/index-state.ts';
import type { FleetFollower } from './fleet-index/view/fleet-follower.ts';
import type { FleetView } from './fleet-index/view/fleet-view.ts';
import { announceChanges } from './fleet-index/write/announce-changes.ts';
import type { ApiContext } from './http/routes/api-context.ts';
import { operatorsClient } from './identity/operators-client.ts';
import type { IntentStore } from './intent/intent-store.ts';
import type { IntentEvents } from './kube/intent-events.ts';
import type { RedisConnections } from './redis/redis-connections.ts';
import type { RedisKeys } from './redis/redis-keys.ts';
import { ApiActions } from './renewals/api-actions.ts';
import { RenewalReconciler } from './renewals/renewal-reconciler.ts';
import { RenewalRequests } from './renewals/renewal-requests.ts';
import { RenewalsInForce } from './renewals/renewals-in-force.ts';
import { volumeSelector } from './renewals/volume-selector.ts';

export interface RenewalsParts {
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
  /** Nodes have this long to report after Redis has lost everything. */
  readonly silentAfterMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the API and the reconciler of renewals share. */
export interface Renewals {
  readonly forApi: Pick<
    ApiContext,
    'audit' | 'announce' | 'selectVolumes' | 'renewals' | 'isIndexCurrent' | 'intentProblem'
  >;
  readonly inForce: RenewalsInForce;
  readonly reconciler: RenewalReconciler;
}

/** Creates the services of renewals on demand. */
export function createRenewals(parts: RenewalsParts): Renewals {
  const { intent, client, connections, keys, dispatcher, follower, silentAfterMs, clock, log } = parts;
  const { store, events } = intent;
  const { bulks } = dispatcher;
  const redis = connections.commands;
  // Best effort: the operator's action is complete even if the announcement fails.
  const announce: ApiContext['announce'] = (kinds) => announceChanges(redis, keys, kinds).catch(() => undefined);
  const audit = new AuditLog({ redis, keys, log, announce: () => announce(['audit']), clock });
  const selectVolumes = volumeSelector(operatorsClient(client, log));
  const apiActions = new ApiActions(redis, keys);
  const view = (): FleetView => follower.view;
  const common = {
    view,
    clock,
    apiActions,
    store,
    bulks,
    selectVolumes,
    logger: log,
    isViewCurrent: () => follower.isCurrent,
  };
  const reconciler = new RenewalReconciler({
    ...common,
    readIndex: () => readIndexState(redis, keys),
    audit,
    recordEvent: (object, event) => events.record(object, event),
    announce,
    settleMs: silentAfterMs,
  });
  connections.onReplaced(() => reconciler.redisLost());
  connections.onStateLoss(() => reconciler.redisLost());
  const renewals = new RenewalRequests({ ...common, reconciler });
  const state = { isIndexCurrent: common.isViewCurrent, intentProblem: () => intent.problem() };
  const forApi = { audit, announce, selectVolumes, renewals, ...state };
  return { forApi, inForce: new RenewalsInForce(store), reconciler };
}
