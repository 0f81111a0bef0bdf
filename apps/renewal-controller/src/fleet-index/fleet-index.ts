import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { batches } from '@certfleet/shared/batches.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError, asCertfleetError } from '@certfleet/shared/errors.ts';
import type { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { LuaScript } from '../redis/lua-script.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { changesKept } from './announce-changes.ts';
import { ChangeOutbox } from './change-outbox.ts';
import type { ChangeCall, Changed } from './change-outbox.ts';
import {
  applyScript,
  forgetScript,
  heartbeatScript,
  openSessionScript,
  retainScript,
  silentNodesScript,
} from './index-scripts.ts';
import type { NodeInfo, NodeSession, SessionEntry, SessionStatus, SilentNode } from './node-session.ts';
import type { RenewalDeferral, ReportSink } from './report-sink.ts';
import { boundedVolume, nodeLimits, Refusals } from './node-limits.ts';
import type { EncodedVolume } from './node-limits.ts';
import { indexedVolumeOf } from './indexed-volume.ts';
import type { IndexedVolume } from './indexed-volume.ts';

/** What the index stands on. */
export interface FleetIndexParts {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly sink: ReportSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Volumes in one script call: enough to be cheap, few enough not to hold Redis for more than a millisecond or two. */
const batchSize = 200;
/** Nodes that are looked at in one sweep. */
const maxSilent = 1_000;

/**
 * The expiry index in Redis: writes what agents report, and tells the sink what changed. Writing the same again changes
 * nothing. Every method fails with an `unavailable` CertfleetError or the client's error while Redis is away.
 */
export class FleetIndex {
  readonly #parts: FleetIndexParts;
  readonly #outbox: ChangeOutbox;

  constructor(parts: FleetIndexParts) {
    this.#parts = parts;
    this.#outbox = new ChangeOutbox(parts);
  }

  /**
   * Begins a stream of an agent, and fences off any older one of the same node.
   * @throws CertfleetError aborted, reason Superseded, when another session was opened since the entry's was looked at
   */
  async openSession(node: string, info: NodeInfo, entry?: SessionEntry): Promise<NodeSession> {
    const { redis, keys } = this.#parts;
    const id = entry?.id ?? randomUUID();
    const scriptKeys = [keys.sessions, keys.nodes, keys.seen, keys.changes, keys.leaving];
    const expected = entry === undefined ? [] : [entry.expected];
    const args = [node, id, JSON.stringify(info), changesKept, ...expected];
    if ((await openSessionScript.run(redis, scriptKeys, args)) === 1) return { node, id };
    throw new CertfleetError('aborted', 'a newer stream of this node took over', { reason: 'Superseded' });
  }

  /** The id of a node's session; empty when it has none. */
  async currentSession(node: string): Promise<string> {
    const { redis, keys } = this.#parts;
    return (await redis.hget(keys.sessions, node)) ?? '';
  }

  /** Notes that the agent lives, and answers whether its session still stands. */
  async nodeSeen({ node, id }: NodeSession): Promise<SessionStatus> {
    const { redis, keys } = this.#parts;
    return (await heartbeatScript.run(redis, [keys.sessions, keys.seen], [node, id])) as SessionStatus;
  }

  /**
   * Takes the whole set of a node's volumes, in parts as they arrive; what it does not name is gone. Throws `aborted`
   * when the session was superseded or the index lost it: open a new one and ask for the snapshot again.
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
    await this.#change(session, retainScript, (batch) => [session.node, session.id, changesKept, batch, ...kept]);
  }

  /**
   * Takes what changed on a node since its snapshot. Throws as applySnapshot does.
   * @returns how many volumes the node has more than before
   */
  async applyDelta(
    session: NodeSession,
    upserted: readonly VolumeReport[],
    removedVolumeIds: readonly string[],
  ): Promise<number> {
    let { added } = await this.#upsert(session, upserted);
    // No volume has a longer id.
    const removed = removedVolumeIds.slice(0, nodeLimits.reports).filter((id) => id.length <= nodeLimits.idLength);
    for (const ids of batches(removed, batchSize)) added -= (await this.#apply(session, [], ids)).changed.length;
    return added;
  }

  /** Takes what the agent of a node refused to renew. */
  async applyDeferrals({ node }: NodeSession, deferrals: readonly RenewalDeferral[]): Promise<void> {
    const known = deferrals.slice(0, nodeLimits.volumes).filter(({ volumeId: id }) => id.length <= nodeLimits.idLength);
    for (const some of batches(known, batchSize)) await this.#parts.sink.deferred(node, some);
  }

  /** Nodes that were not heard of for some time by Redis' clock, at most a thousand. */
  async silentNodes(silentMs: number): Promise<readonly SilentNode[]> {
    const { redis, keys } = this.#parts;
    const answer = await silentNodesScript.run(redis, [keys.sessions, keys.seen], [silentMs, maxSilent]);
    const fields = answer as readonly string[];
    return Array.from({ length: fields.length / 3 }, (_, i) => {
      const [node = '', silentForMs, mark = ''] = fields.slice(i * 3, i * 3 + 3);
      return { node, silentForMs: Number(silentForMs), mark };
    });
  }

  /**
   * Removes a node that left the cluster, with everything known of it.
   * @param silent what `silentNodes` said of it; Redis then refuses if there was a sign of life since
   * @returns whether it was removed
   */
  async forgetNode(node: string, silent?: { readonly mark: string; readonly minMs: number }): Promise<boolean> {
    const { keys } = this.#parts;
    const scriptKeys = [...this.#keysOf(node), keys.nodes, keys.seen, keys.leaving];
    const { mark = '', minMs = 0 } = silent ?? {};
    const args = (batch: string): readonly (string | number)[] => [node, changesKept, mark, minMs, batch];
    const gone = await this.#outbox.change({ node, script: forgetScript, keys: scriptKeys, args });
    if (gone === undefined) return false;
    await this.#parts.sink.forgotten(node);
    return true;
  }

  /** Nodes that were forgotten and of which something may be left: a replica that is killed in between leaves that. */
  async leavingNodes(): Promise<readonly string[]> {
    const { redis, keys } = this.#parts;
    return await redis.smembers(keys.leaving);
  }

  /** Whether an agent of the node is known. */
  async isKnown(node: string): Promise<boolean> {
    return (await this.#parts.redis.hexists(this.#parts.keys.sessions, node)) === 1;
  }

  /** Everything of a forgotten node is gone. */
  async noteGone(node: string): Promise<void> {
    await this.#parts.redis.srem(this.#parts.keys.leaving, node);
  }

  /** Settles and removes what is left of a node that was forgotten; may be done twice. */
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

  /** Answers the ids of those that changed, how many of them were not there before, and how many were refused. */
  async #apply(
    session: NodeSession,
    volumes: readonly EncodedVolume[],
    removed: readonly string[],
  ): Promise<{ readonly changed: readonly string[]; readonly added: number; readonly refused: number }> {
    if (volumes.length + removed.length === 0) {
      // A batch of nothing but refusals does not wait for Redis; it must not hold the event loop.
      await setImmediate();
      return { changed: [], added: 0, refused: 0 };
    }
    const pairs = volumes.flatMap(({ volume, json }) => [volume.volumeId, json]);
    const limits = [nodeLimits.volumes, nodeLimits.bytes];
    const { refused, pairs: changed } = await this.#change(
      session,
      applyScript,
      (batch) => [session.node, session.id, changesKept, batch, volumes.length, ...limits, ...pairs, ...removed],
      new Map(volumes.map(({ volume }) => [volume.volumeId, volume])),
    );
    return {
      changed: changed.filter((_, i) => i % 2 === 0),
      added: changed.filter((before, i) => i % 2 === 1 && before === '').length,
      refused,
    };
  }

  /** A report that makes no sense costs its own volume, not the others of the same message. */
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
    script: LuaScript,
    args: ChangeCall['args'],
    written?: ReadonlyMap<string, IndexedVolume>,
  ): Promise<Changed> {
    const { node } = session;
    const call = { node, script, keys: this.#keysOf(node), args, ...(written && { written }) };
    const changed = await this.#outbox.change(call);
    if (changed !== undefined) return changed;
    throw new CertfleetError('aborted', "the session is not the node's: a newer one took over, or the index was lost", {
      reason: 'SessionEnded',
    });
  }

  #keysOf(node: string): readonly string[] {
    const { keys } = this.#parts;
    return [
      keys.sessions,
      keys.volumes(node),
      keys.changes,
      keys.history(node),
      keys.sizes,
      keys.outbox(node),
      keys.snapshots,
    ];
  }
}

const overLimit = {
  error: `expected at most ${nodeLimits.volumes} volumes and ${nodeLimits.bytes} bytes of records on a node, found more`,
};
