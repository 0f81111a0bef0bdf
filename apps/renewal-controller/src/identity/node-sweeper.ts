import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetIndex } from '../fleet-index/fleet-index.ts';
import type { SilentNode } from '../fleet-index/model/node-session.ts';
import type { NodeAccess } from './node-access.ts';

const nodes: ApiResource = { group: '', version: 'v1', plural: 'nodes' };

export interface NodeSweeperOptions {
  readonly index: Pick<
    FleetIndex,
    'silentNodes' | 'forgetNode' | 'leavingNodes' | 'isKnown' | 'noteGone' | 'finishForgetting'
  >;
  readonly access: Pick<NodeAccess, 'revoke'>;
  /** Undefined without Kubernetes: then only the silence counts. */
  readonly client: Pick<KubeClient, 'request'> | undefined;
  readonly silentAfterMs: number;
  readonly forgetAfterMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const sweepMs = 30_000;
/**
 * A node removed only for its silence is observed for at least this long. Its agent may be about to reconnect after an
 * outage of the controller, and the clock of Redis may have jumped.
 */
const watchMs = 600_000;

/** The last heartbeat, and since when, in this process's monotonic time, no later one was seen. */
interface Watched {
  readonly mark: string;
  readonly sinceMs: number;
}

/**
 * Removes nodes that left the fleet: silent nodes that are no longer in the cluster, and nodes silent for too long.
 * Silence must be seen both in Redis and by this process, so that no single clock jump removes a node; Redis itself
 * refuses the removal if there was a newer heartbeat. Every replica sweeps. Removal is idempotent, and a node that
 * returns registers again.
 */
export class NodeSweeper {
  readonly #options: NodeSweeperOptions;
  #watched = new Map<string, Watched>();
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

  /** Runs one sweep; never rejects. */
  async sweep(): Promise<void> {
    const { index, silentAfterMs, log } = this.#options;
    try {
      for (const node of await index.leavingNodes()) await this.#finish(node);
      const silent = await index.silentNodes(silentAfterMs);
      this.#watch(silent);
      for (const each of silent) await this.#consider(each);
    } catch (thrown) {
      // The Redis connection already logs its failures.
      log.debug({ error: asCertfleetError(thrown).message }, 'node sweep failed');
    }
  }

  #watch(silent: readonly SilentNode[]): void {
    const nowMs = this.#options.clock.monotonic();
    this.#watched = new Map(
      silent.map(({ node, mark }) => {
        const known = this.#watched.get(node);
        return [node, known?.mark === mark ? known : { mark, sinceMs: nowMs }];
      }),
    );
  }

  async #consider({ node, silentForMs, mark }: SilentNode): Promise<void> {
    const { index, silentAfterMs, forgetAfterMs, clock, log } = this.#options;
    const watchedMs = clock.monotonic() - (this.#watched.get(node)?.sinceMs ?? Infinity);
    if (!(watchedMs >= silentAfterMs)) return;
    try {
      const isOverdue = silentForMs > forgetAfterMs && watchedMs >= Math.min(watchMs, forgetAfterMs);
      if (!isOverdue && !(await this.#hasLeft(node))) return;
      if (!(await index.forgetNode(node, { mark, minMs: silentAfterMs }))) return;
      await this.#finish(node);
      log.info({ node, silentForMs }, 'node removed');
    } catch (thrown) {
      log.warn({ node, error: asCertfleetError(thrown).message }, 'cannot remove node, retrying');
    }
  }

  /** Removes the queue and the Redis user of a removed node, unless it has returned. */
  async #finish(node: string): Promise<void> {
    const { index, access, log } = this.#options;
    try {
      if (!(await index.isKnown(node))) {
        await index.finishForgetting(node);
        await access.revoke(node);
      }
      await index.noteGone(node);
    } catch (thrown) {
      log.warn(
        { node, error: asCertfleetError(thrown).message },
        'cannot remove queue or user of a removed node, retrying',
      );
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
