import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';

const nodes: ApiResource = { group: '', version: 'v1', plural: 'nodes' };

/** What a sweeper works with. */
export interface NodeSweeperOptions {
  /** Undefined while the index is not whole. */
  readonly view: () => FleetView | undefined;
  /** Undefined without Kubernetes: then time alone tells. */
  readonly client: Pick<KubeClient, 'request'> | undefined;
  readonly silentAfterMs: number;
  readonly forgetAfterMs: number;
  /** Removes everything that stands for a node; may be done twice. */
  readonly forget: (node: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

const sweepMs = 30_000;

/**
 * Forgets nodes that left: those that are silent and no longer in the cluster, and those that were silent for too long.
 * Every replica sweeps; forgetting a node twice changes nothing, and a node that comes back enrols anew.
 */
export class NodeSweeper {
  readonly #options: NodeSweeperOptions;
  #cancelTimer: CancelTimer | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: NodeSweeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancelTimer = this.#options.clock.schedule(sweepMs, () => {
      this.#running = this.sweep().then(() => this.start());
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#running;
  }

  /** Looks once; never rejects. */
  async sweep(): Promise<void> {
    const { view, silentAfterMs, forgetAfterMs, forget, clock, log } = this.#options;
    const silent = view()?.silentNodes(clock.now(), silentAfterMs) ?? [];
    for (const { node, lastSeenMs } of silent) {
      // Enrolled a moment ago: the view reads every few seconds when nodes were last seen.
      if (lastSeenMs === 0) continue;
      try {
        const isOverdue = clock.now() - lastSeenMs > forgetAfterMs;
        if (!isOverdue && !(await this.#hasLeft(node))) continue;
        await forget(node);
        log.info({ node, lastSeen: new Date(lastSeenMs).toISOString() }, 'node forgotten');
      } catch (thrown) {
        log.warn({ node, error: asCertfleetError(thrown).message }, 'node not forgotten yet');
      }
    }
  }

  async #hasLeft(node: string): Promise<boolean> {
    const { client } = this.#options;
    if (client === undefined) return false;
    try {
      await client.request({ verb: 'get', resource: nodes, name: node });
      return false;
    } catch (thrown) {
      if (asCertfleetError(thrown).code === 'not-found') return true;
      throw thrown;
    }
  }
}
