import { randomUUID } from 'node:crypto';
import { takeLease } from '../redis/lease.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { noteScript, readScript, writeScript } from './pod-certificate-scripts.ts';
import type { RowChange } from './pod-certificate-table.ts';

/** The rows that changed since a position, and what the writer says about itself. */
export interface RowsRead {
  /** Empty if nothing was written since Redis was empty. */
  readonly epoch: string;
  readonly lastPosition: number;
  /** A reader whose position is before this one may have missed removals. */
  readonly forgotten: number;
  /** Time since a replica with the lease has worked; undefined if none has. */
  readonly noteAgeMs: number | undefined;
  /** Time since such a replica has followed the API server. */
  readonly followedAgeMs: number | undefined;
  readonly problem: string;
  readonly changes: readonly (RowChange & { readonly position: number })[];
}

/** What the replica with the lease says about itself. */
export interface CollectorNote {
  /** Why rows may be outdated or missing; empty if they are not. */
  readonly problem: string;
  readonly isFollowing: boolean;
}

/** Longer than several passes of the collector. */
const leaseMs = 30_000;

/** Removals that are kept for readers that are behind. */
const defaultRemovalsKept = 20_000;

export interface PodCertificateStoreParts {
  readonly redis: RedisClient;
  readonly keys: Pick<RedisKeys, 'podCertificates'>;
  readonly replica: string;
  readonly removalsKept?: number;
}

/** The pod certificates in Redis. */
export class PodCertificateStore {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys['podCertificates'];
  readonly #replica: string;
  readonly #removalsKept: number;

  constructor({ redis, keys, replica, removalsKept = defaultRemovalsKept }: PodCertificateStoreParts) {
    this.#redis = redis;
    this.#keys = keys.podCertificates;
    this.#replica = replica;
    this.#removalsKept = removalsKept;
  }

  /** Takes or extends the lease of the replica that writes. */
  takeLease(): Promise<boolean> {
    return takeLease(this.#redis, this.#keys.lease, { replica: this.#replica, leaseMs });
  }

  /** @returns false without the lease: nothing was written */
  async write(changes: readonly RowChange[]): Promise<boolean> {
    const args = { replica: this.#replica, firstEpoch: randomUUID(), removalsKept: this.#removalsKept };
    const rest = changes.flatMap(({ id, json }) => [id, json]);
    return (await writeScript.run(this.#redis, { keys: this.#keys, args, rest })) === 1;
  }

  /** Notes what this replica does; without the lease it does nothing. */
  async note({ problem, isFollowing }: CollectorNote): Promise<void> {
    const args = { replica: this.#replica, problem, isFollowing: isFollowing ? 1 : 0, firstEpoch: randomUUID() };
    await noteScript.run(this.#redis, { keys: this.#keys, args });
  }

  /** Reads up to `count` rows that changed after a position. */
  async read(position: number, count: number): Promise<RowsRead> {
    const answer = (await readScript.run(this.#redis, { keys: this.#keys, args: { position, count } })) as string[];
    const [epoch = '', seq, forgotten, problem = '', noteAge, followedAge, ...rows] = answer;
    const changes = [];
    for (let i = 0; i + 2 < rows.length; i += 3)
      changes.push({ position: Number(rows[i]), id: rows[i + 1] ?? '', json: rows[i + 2] ?? '' });
    return {
      ...{ epoch, problem, changes, lastPosition: Number(seq), forgotten: Number(forgotten) },
      noteAgeMs: ageOf(noteAge),
      followedAgeMs: ageOf(followedAge),
    };
  }

  /** The ids of all rows. */
  ids(): Promise<string[]> {
    return this.#redis.hkeys(this.#keys.rows);
  }
}

function ageOf(answer: string | undefined): number | undefined {
  const ageMs = Number(answer ?? -1);
  return ageMs < 0 ? undefined : ageMs;
}
