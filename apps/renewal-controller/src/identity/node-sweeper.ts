import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetIndex } from '../fleet-index/fleet-index.ts';
import type { SilentNode } from '../fleet-index/node-session.ts';
import type { NodeAccess } from './node-access.ts';

const nodes: ApiResource = { group: '', version: 'v1', plural: 'nodes' };

/** What a sweeper works with. */
export interface NodeSweeperOptions {
  readonly index: Pick<
    FleetIndex,
    'silentNodes' | 'forgetNode' | 'leavingNodes' | 'isKnown' | 'noteGone' | 'finishForgetting'
  >;
  readonly access: Pick<NodeAccess, 'revoke'>;
  /** Undefined without Kubernetes: then time alone tells. */
  readonly client: Pick<KubeClient, 'request'> | undefined;
  readonly silentAfterMs: number;
  readonly forgetAfterMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const sweepMs = 30_000;
/**
 * A node that time alone condemns is watched for this long first. Its agent may be about to connect again to a controller
 * that was away, and Redis' clock may have jumped.
 */
const watchMs = 600_000;

/** A sign of life, and since when, on this process' monotonic clock, there was none after it. */
interface Watched {
  readonly mark: string;
  readonly sinceMs: number;
}

/**
 * Forgets nodes that left: those that are silent and no longer in the cluster, and those that were silent for too long.
 * Silence is what Redis saw, and it is watched here as well: no single clock that jumps makes a node silent, and Redis
 * itself refuses when there was a sign of life meanwhile. Every replica sweeps; forgetting a node twice changes nothing,
 * and a node that comes back enrols anew.
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

  /** Looks once; never rejects. */
  async sweep(): Promise<void> {
    const { index, silentAfterMs, log } = this.#options;
    try {
      for (const node of await index.leavingNodes()) await this.#finish(node);
      const silent = await index.silentNodes(silentAfterMs);
      this.#watch(silent);
      for (const each of silent) await this.#consider(each);
    } catch (thrown) {
      // Whether Redis is away is logged elsewhere, once.
      log.debug({ error: asCertfleetError(thrown).message }, 'nodes not swept');
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
      log.info({ node, silentForMs }, 'node forgotten');
    } catch (thrown) {
      log.warn({ node, error: asCertfleetError(thrown).message }, 'node not forgotten yet');
    }
  }

  /** Removes the queue and the user of a forgotten node, unless it is back. */
  async #finish(node: string): Promise<void> {
    const { index, access, log } = this.#options;
    try {
      if (!(await index.isKnown(node))) {
        await index.finishForgetting(node);
        await access.revoke(node);
      }
      await index.noteGone(node);
    } catch (thrown) {
      log.warn({ node, error: asCertfleetError(thrown).message }, 'queue or user of a forgotten node not removed yet');
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
