import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { batches } from '@certfleet/shared/batches.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError, asCertfleetError } from '@certfleet/shared/errors.ts';
import type { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { changesKept } from './write/announce-changes.ts';
import { ChangeOutbox } from './write/change-outbox.ts';
import type { Changed } from './write/change-outbox.ts';
import {
  applyScript,
  forgetScript,
  heartbeatScript,
  openSessionScript,
  retainScript,
  silentNodesScript,
} from './write/index-scripts.ts';
import type { NodeInfo, NodeSession, SessionEntry, SessionStatus, SilentNode } from './model/node-session.ts';
import type { RenewalDeferral, ReportSink } from './model/report-sink.ts';
import { boundedVolume, nodeLimits, Refusals } from './write/node-limits.ts';
import type { EncodedVolume } from './write/node-limits.ts';
import { indexedVolumeOf } from './model/indexed-volume.ts';
import type { IndexedVolume } from './model/indexed-volume.ts';

export interface FleetIndexParts {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly sink: ReportSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The keys of one node: those of the index, and the node's own. */
type NodeKeys = Omit<RedisKeys, NodeKey> & Readonly<Record<NodeKey, string>>;
type NodeKey = 'volumes' | 'history' | 'outbox';

/** What the scripts have in common that change the volumes of a session. */
interface CommonCall {
  readonly redis: RedisClient;
  readonly keys: NodeKeys;
  readonly args: { readonly node: string; readonly session: string; readonly cap: number; readonly batch: string };
}

/** Volumes per script call: limits the time that Redis is blocked to one or two milliseconds. */
const batchSize = 200;
/** Nodes examined in one sweep. */
const maxSilent = 1_000;

/**
 * The expiry index in Redis: stores what agents report, and passes the changes to the sink. Writes are idempotent.
 * Every method fails with an `unavailable` CertfleetError or the client's error while Redis is unavailable.
 */
export class FleetIndex {
  readonly #parts: FleetIndexParts;
  readonly #outbox: ChangeOutbox;

  constructor(parts: FleetIndexParts) {
    this.#parts = parts;
    this.#outbox = new ChangeOutbox(parts);
  }

  /**
   * Opens a session for the stream of an agent, and supersedes an older one of the same node.
   * @throws CertfleetError aborted, reason Superseded, if another session was opened since the entry's session was read
   */
  async openSession(node: string, info: NodeInfo, entry?: SessionEntry): Promise<NodeSession> {
    const { redis, keys } = this.#parts;
    const id = entry?.id ?? randomUUID();
    const [isExpected, expected] = entry === undefined ? [0, ''] : [1, entry.expected];
    const args = { node, session: id, info: JSON.stringify(info), cap: changesKept, isExpected, expected };
    if ((await openSessionScript.run(redis, { keys, args })) === 1) return { node, id };
    throw new CertfleetError('aborted', 'a newer stream of this node took over', { reason: 'Superseded' });
  }

  /** The id of a node's session; empty if it has none. */
  async currentSession(node: string): Promise<string> {
    const { redis, keys } = this.#parts;
    return (await redis.hget(keys.sessions, node)) ?? '';
  }

  /** Records a heartbeat of the agent, and returns whether its session is still valid. */
  async nodeSeen({ node, id }: NodeSession): Promise<SessionStatus> {
    const { redis, keys } = this.#parts;
    return (await heartbeatScript.run(redis, { keys, args: { node, session: id } })) as SessionStatus;
  }

  /**
   * Stores the complete set of a node's volumes, in parts as they arrive; volumes that the snapshot does not contain
   * are removed.
   * @throws CertfleetError aborted if the session was superseded or the index lost it: open a new session and request a
   * resync
   */
  async applySnapshot(
    session: NodeSession,
    parts: AsyncIterable<readonly VolumeReport[]> | Iterable<readonly VolumeReport[]>,
  ): Promise<void> {
    const { sink } = this.#parts;
    const kept: string[] = [];
    for await (const reports of parts) {
      const { volumes, changed } = await this.#upsert(session, reports);
      await sink.confirmed(volumes.filter(({ volumeId }) => !changed.has(volumeId)));
      kept.push(...volumes.map(({ volumeId }) => volumeId));
    }
    await this.#change(session, ({ redis, keys, args }) => retainScript.run(redis, { keys, args, rest: kept }));
  }

  /**
   * Stores the changes of a node since its snapshot. Throws like applySnapshot.
   * @returns the number of added minus removed volumes
   */
  async applyDelta(
    session: NodeSession,
    upserted: readonly VolumeReport[],
    removedVolumeIds: readonly string[],
  ): Promise<number> {
    let { added } = await this.#upsert(session, upserted);
    // No stored volume has a longer id.
    const removed = removedVolumeIds.slice(0, nodeLimits.reports).filter((id) => id.length <= nodeLimits.idLength);
    for (const ids of batches(removed, batchSize)) added -= (await this.#apply(session, [], ids)).changed.length;
    return added;
  }

  /** Processes the renewals that the agent of a node refused. */
  async applyDeferrals({ node }: NodeSession, deferrals: readonly RenewalDeferral[]): Promise<void> {
    const known = deferrals.slice(0, nodeLimits.volumes).filter(({ volumeId: id }) => id.length <= nodeLimits.idLength);
    for (const some of batches(known, batchSize)) await this.#parts.sink.deferred(node, some);
  }

  /** Nodes without a heartbeat for this long by Redis' clock, at most a thousand. */
  async silentNodes(silentMs: number): Promise<readonly SilentNode[]> {
    const { redis, keys } = this.#parts;
    const answer = await silentNodesScript.run(redis, { keys, args: { silentMs, maxNodes: maxSilent } });
    const fields = answer as readonly string[];
    return Array.from({ length: fields.length / 3 }, (_, i) => {
      const [node = '', silentForMs, mark = ''] = fields.slice(i * 3, i * 3 + 3);
      return { node, silentForMs: Number(silentForMs), mark };
    });
  }

  /**
   * Removes a node that left the cluster, with all its data.
   * @param silent the result of `silentNodes`; Redis refuses the removal if there was a heartbeat since then
   * @returns whether it was removed
   */
  async forgetNode(node: string, silent?: { readonly mark: string; readonly minMs: number }): Promise<boolean> {
    const keys = this.#keysOf(node);
    const { mark = '', minMs: minSilentMs = 0 } = silent ?? {};
    const run = (batch: string): Promise<unknown> =>
      forgetScript.run(this.#parts.redis, { keys, args: { node, cap: changesKept, mark, minSilentMs, batch } });
    const gone = await this.#outbox.change({ node, run });
    if (gone === undefined) return false;
    await this.#parts.sink.forgotten(node);
    return true;
  }

  /** Removed nodes with possible leftovers, because a replica may be killed during the removal. */
  async leavingNodes(): Promise<readonly string[]> {
    const { redis, keys } = this.#parts;
    return await redis.smembers(keys.leaving);
  }

  /** Whether an agent of the node has connected. */
  async isKnown(node: string): Promise<boolean> {
    return (await this.#parts.redis.hexists(this.#parts.keys.sessions, node)) === 1;
  }

  /** Records that the removal of a node is complete. */
  async noteGone(node: string): Promise<void> {
    await this.#parts.redis.srem(this.#parts.keys.leaving, node);
  }

  /** Settles and removes the leftovers of a removed node; idempotent. */
  async finishForgetting(node: string): Promise<void> {
    await this.#outbox.settleLeft(node);
    await this.#parts.sink.forgotten(node);
  }

  async #upsert(
    session: NodeSession,
    reports: readonly VolumeReport[],
  ): Promise<{
    readonly volumes: readonly IndexedVolume[];
    readonly changed: ReadonlySet<string>;
    readonly added: number;
  }> {
    const understood: IndexedVolume[] = [];
    const changed = new Set<string>();
    const refusals = new Refusals(Math.max(0, reports.length - nodeLimits.reports));
    let added = 0;
    for (const some of batches(reports.slice(0, nodeLimits.reports), batchSize)) {
      const volumes = some.flatMap((report) => this.#understood(session.node, report, refusals) ?? []);
      const applied = await this.#apply(session, volumes, []);
      understood.push(...volumes.map(({ volume }) => volume));
      for (const id of applied.changed) changed.add(id);
      added += applied.added;
      refusals.add(applied.refused, overLimit);
    }
    refusals.log(this.#parts.logger, session.node);
    return { volumes: understood, changed, added };
  }

  /** Returns the ids of the changed volumes, how many of them are new, and how many were refused. */
  async #apply(
    session: NodeSession,
    volumes: readonly EncodedVolume[],
    removed: readonly string[],
  ): Promise<{ readonly changed: readonly string[]; readonly added: number; readonly refused: number }> {
    if (volumes.length + removed.length === 0) {
      // A batch of refusals makes no call to Redis, and must not block the event loop.
      await setImmediate();
      return { changed: [], added: 0, refused: 0 };
    }
    const pairs = volumes.flatMap(({ volume, json }) => [volume.volumeId, json]);
    const limits = { maxVolumes: nodeLimits.volumes, maxBytes: nodeLimits.bytes };
    const { refused, pairs: changed } = await this.#change(
      session,
      ({ redis, keys, args }) =>
        applyScript.run(redis, {
          keys,
          args: { ...args, upserts: volumes.length, ...limits },
          rest: [...pairs, ...removed],
        }),
      new Map(volumes.map(({ volume }) => [volume.volumeId, volume])),
    );
    return {
      changed: changed.filter((_, i) => i % 2 === 0),
      added: changed.filter((before, i) => i % 2 === 1 && before === '').length,
      refused,
    };
  }

  /** An invalid report is refused without affecting the others of the same message. */
  #understood(node: string, report: VolumeReport, refusals: Refusals): EncodedVolume | undefined {
    try {
      return boundedVolume(indexedVolumeOf(node, report));
    } catch (error) {
      refusals.add(1, { volumeId: report.volumeId.slice(0, 256), error: asCertfleetError(error).message });
      return undefined;
    }
  }

  async #change(
    session: NodeSession,
    run: (common: CommonCall) => Promise<unknown>,
    written?: ReadonlyMap<string, IndexedVolume>,
  ): Promise<Changed> {
    const { node, id } = session;
    const [{ redis }, keys] = [this.#parts, this.#keysOf(node)];
    const changed = await this.#outbox.change({
      node,
      run: (batch) => run({ redis, keys, args: { node, session: id, cap: changesKept, batch } }),
      ...(written && { written }),
    });
    if (changed !== undefined) return changed;
    throw new CertfleetError('aborted', 'session is not current: a newer one superseded it, or the index was lost', {
      reason: 'SessionEnded',
    });
  }

  #keysOf(node: string): NodeKeys {
    const { keys } = this.#parts;
    return { ...keys, volumes: keys.volumes(node), history: keys.history(node), outbox: keys.outbox(node) };
  }
}

const overLimit = {
  error: `node exceeds its limit of ${nodeLimits.volumes} volumes or ${nodeLimits.bytes} bytes of records`,
};
