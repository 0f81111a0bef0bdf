import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

export interface StartingPodsOptions {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether a pod starts has changed. */
  readonly onChange: (podUid: string) => void;
}

/**
 * The pods in phase Pending: they wait for their first certificate. The API server filters them, so the watch is small,
 * and a restart of all kubelets changes nothing in it.
 */
export class StartingPods {
  readonly #uids = new Set<string>();
  readonly #watch: ResourceWatch<string>;
  #failure: string | undefined;

  constructor({ client, clock, log, onChange }: StartingPodsOptions) {
    this.#watch = new ResourceWatch<string>({
      client,
      clock,
      resource: pods,
      fieldSelector: 'status.phase=Pending',
      // In pages: the authors of pods decide how large they are.
      isFirstListFresh: true,
      project: (raw) => (raw as { readonly metadata?: ObjectMeta }).metadata?.uid,
      onEvent: ({ type, object: uid }) => {
        if (type === 'DELETED') this.#uids.delete(uid);
        else if (this.#uids.has(uid)) return;
        else this.#uids.add(uid);
        onChange(uid);
      },
      onSynced: (all) => {
        const changed = new Set(all).symmetricDifference(this.#uids);
        this.#uids.clear();
        for (const uid of all) this.#uids.add(uid);
        changed.forEach(onChange);
      },
      onOpen: () => (this.#failure = undefined),
      onError: ({ message }) => {
        // Once per outage, not per attempt.
        if (this.#failure === undefined) log.warn({ error: message }, 'cannot follow starting pods, retrying');
        this.#failure = message;
      },
    });
  }

  start(): void {
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
  }

  has(podUid: string): boolean {
    return this.#uids.has(podUid);
  }
}
