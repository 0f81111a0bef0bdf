import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { parseLanePolicy } from './lane-limits.ts';
import type { LaneLimitTable, LanePolicyObject } from './lane-limits.ts';

const lanePolicies: ApiResource = { group: 'certfleet.io', version: 'v1alpha1', plural: 'lanepolicies' };

export interface LanePolicyFeedOptions {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly table: LaneLimitTable;
}

/** Keeps the limits of the lanes current with the LanePolicies of the cluster. */
export function followLanePolicies({
  client,
  clock,
  log,
  table,
}: LanePolicyFeedOptions): ResourceWatch<LanePolicyObject> {
  const objects = new Map<string, LanePolicyObject>();
  let failure: string | undefined;
  let problems: ReadonlyMap<string, string> = new Map();
  const update = (): void => {
    const found = table.set([...objects.values()]);
    for (const [policy, error] of found)
      if (problems.get(policy) !== error) log.warn({ policy, error }, 'LanePolicy is not valid, using only its pause');
    problems = found;
  };
  const watch = new ResourceWatch<LanePolicyObject>({
    client,
    clock,
    resource: lanePolicies,
    isFirstListFresh: true,
    project: parseLanePolicy,
    onEvent: ({ type, object }) => {
      if (type === 'DELETED') objects.delete(object.metadata.name);
      else objects.set(object.metadata.name, object);
      update();
    },
    onSynced: (all) => {
      objects.clear();
      for (const object of all) objects.set(object.metadata.name, object);
      update();
    },
    onOpen: () => (failure = undefined),
    onError: ({ message, reason }) => {
      // Once per outage, not per attempt.
      if (failure === undefined) log.warn({ error: message }, 'cannot follow LanePolicies, retrying');
      failure = message;
      // Without the definition there are no policies.
      if (reason === 'ApiNotServed') table.set([]);
    },
  });
  watch.start();
  return watch;
}
