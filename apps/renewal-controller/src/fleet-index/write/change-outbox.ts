import { randomUUID } from 'node:crypto';
import { batches } from '@certfleet/shared/batches.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { KeyedLock } from '@certfleet/shared/keyed-lock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { RedisClient } from '../../redis/create-redis.ts';
import type { RedisKeys } from '../../redis/redis-keys.ts';
import { removeBatchScript, unsettledScript } from './change-outbox-scripts.ts';
import type { ChangedPairs } from './index-scripts.ts';
import type { ReportSink } from '../model/report-sink.ts';
import type { VolumeChange } from '../model/volume-change.ts';
import { decodeVolume } from '../model/volume-json.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';

export interface ChangeOutboxParts {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly sink: ReportSink;
  readonly logger: Logger;
}

/** A call of a script that changes volumes of a node and adds the changes to the node's outbox. */
export interface ChangeCall {
  readonly node: string;
  /** Runs the script. @param batch the id of the batch that the script adds */
  readonly run: (batch: string) => Promise<unknown>;
  /** The volumes that the call writes, by id. */
  readonly written?: ReadonlyMap<string, IndexedVolume>;
}

export interface Changed {
  readonly refused: number;
  readonly pairs: ChangedPairs;
}

/**
 * -1: the script's precondition does not hold. -2: a batch must be settled first, as (id, record before, record now)….
 */
type Answer = -1 | readonly [-2, readonly string[], string] | readonly [number, ChangedPairs];

const changesAtOnce = 200;
/** Two batches can block a call: one left over, and one of a node that is removed and reconnects at the same time. */
const maxCalls = 5;

/**
 * Writes volumes, and has the sink settle every change with exactly-once effect: the script that writes a change adds
 * it to the node's outbox in Redis, and it is removed after the sink has processed it. If a command times out after
 * Redis executed it, or a replica is killed, the next replica that changes the node's volumes settles it first.
 */
export class ChangeOutbox {
  readonly #parts: ChangeOutboxParts;
  /** Calls of this process for the same node run one after another. */
  readonly #nodes = new KeyedLock();

  constructor(parts: ChangeOutboxParts) {
    this.#parts = parts;
  }

  /** Runs the script and settles its changes; undefined if the script's precondition does not hold. */
  change(call: ChangeCall): Promise<Changed | undefined> {
    return this.#nodes.run(call.node, () => this.#change(call));
  }

  /** Settles the batch that a killed replica left in the outbox of a node. */
  settleLeft(node: string): Promise<void> {
    return this.#nodes.run(node, () => this.#settleLeft(node));
  }

  async #change({ node, run, written = new Map() }: ChangeCall): Promise<Changed | undefined> {
    const batch = randomUUID();
    for (let call = 0; call < maxCalls; call++) {
      const answer = (await run(batch)) as Answer;
      if (answer === -1) return undefined;
      const [code, values, unsettled] = answer;
      if (unsettled === undefined) {
        if (values.length > 0) {
          await this.#settle(batch, changesOfPairs(node, values, written));
          await this.#remove(node, batch);
        }
        return { refused: code, pairs: values };
      }
      await this.#settleAgain(node, unsettled, values);
      // The client repeats a command if the connection is lost before the response arrives.
      if (unsettled === batch) return { refused: 0, pairs: values.filter((_, i) => i % 3 < 2) };
    }
    throw new CertfleetError('aborted', `several replicas changed volumes of node ${node} at once, try again`);
  }

  async #settleLeft(node: string): Promise<void> {
    const { redis, keys } = this.#parts;
    const answer = await unsettledScript.run(redis, {
      keys: { outbox: keys.outbox(node), volumes: keys.volumes(node) },
    });
    if (answer === 0) return;
    const [, triples, batch] = answer as readonly [-2, readonly string[], string];
    await this.#settleAgain(node, batch, triples);
  }

  async #settle(batch: string, changes: readonly VolumeChange[]): Promise<void> {
    for (const some of batches(changes, changesAtOnce)) await this.#parts.sink.changed(some, batch);
  }

  /** A batch that always fails must not block its node: it is dropped if Redis works and the sink fails again. */
  async #settleAgain(node: string, batch: string, triples: readonly string[]): Promise<void> {
    const { logger } = this.#parts;
    logger.info({ node, volumes: triples.length / 3 }, 'settling changes left by an interrupted update');
    try {
      await this.#settle(batch, changesOfTriples(node, triples));
    } catch (thrown) {
      if (redisFault(thrown) !== 'other') throw thrown;
      logger.error({ node, error: String(thrown) }, 'cannot settle changes of volumes, dropping them');
    }
    await this.#remove(node, batch);
  }

  async #remove(node: string, batch: string): Promise<void> {
    const { redis, keys } = this.#parts;
    await removeBatchScript.run(redis, { keys: { outbox: keys.outbox(node) }, args: { batch } });
  }
}

function changesOfPairs(
  node: string,
  pairs: ChangedPairs,
  written: ReadonlyMap<string, IndexedVolume>,
): readonly VolumeChange[] {
  return Array.from({ length: pairs.length / 2 }, (_, i) => {
    const [volumeId = '', before = ''] = pairs.slice(i * 2, i * 2 + 2);
    return { previous: volumeOf(node, volumeId, before), current: written.get(volumeId) };
  });
}

function changesOfTriples(node: string, triples: readonly string[]): readonly VolumeChange[] {
  return Array.from({ length: triples.length / 3 }, (_, i) => triples.slice(i * 3, i * 3 + 3)).flatMap(
    ([volumeId = '', before = '', after = '']) => {
      const current = volumeOf(node, volumeId, after);
      // A record of a newer release is not a removal; the answer timeout frees the slot.
      if (after !== '' && current === undefined) return [];
      return [{ previous: volumeOf(node, volumeId, before), current }];
    },
  );
}

function volumeOf(node: string, volumeId: string, json: string): IndexedVolume | undefined {
  return json === '' ? undefined : decodeVolume(node, volumeId, json);
}
