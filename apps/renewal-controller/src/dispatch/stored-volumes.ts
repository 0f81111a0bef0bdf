import { CertfleetError } from '@certfleet/shared/errors.ts';
import { decodeVolume } from '../fleet-index/volume-json.ts';
import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';

/** Volumes as Redis has them now: what a decision may rest on, where the view in memory may lag. */
export interface StoredVolumes {
  /** @throws CertfleetError unavailable, reason UnknownLayout, for a record that a newer replica wrote */
  get(node: string, volumeId: string): Promise<IndexedVolume | undefined>;
  /**
   * Whether a volume that is not here is gone from the node. It is not known of a node without a session or whose session
   * has not delivered its whole snapshot: Redis may have lost what the agent still holds.
   */
  isComplete(node: string): Promise<boolean>;
}

/** Reads the index. */
export function storedVolumes(redis: RedisClient, keys: RedisKeys): StoredVolumes {
  return {
    async get(node, volumeId) {
      const json = await redis.hget(keys.volumes(node), volumeId);
      if (json === null) return undefined;
      const volume = decodeVolume(node, volumeId, json);
      if (volume !== undefined) return volume;
      const message = 'a volume has a record of a newer release: its renewal waits for a replica that knows it';
      throw new CertfleetError('unavailable', message, { reason: 'UnknownLayout' });
    },
    async isComplete(node) {
      const [session, snapshot] = await Promise.all([
        redis.hget(keys.sessions, node),
        redis.hget(keys.snapshots, node),
      ]);
      return session !== null && session === snapshot;
    },
  };
}
