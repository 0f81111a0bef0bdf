import { CertfleetError } from '@certfleet/shared/errors.ts';
import { decodeVolume } from '../fleet-index/model/volume-json.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';

/** Volumes as stored in Redis; the in-memory view may lag behind. */
export interface StoredVolumes {
  /** @throws CertfleetError unavailable, reason UnknownLayout, for a record that a newer replica wrote */
  get(node: string, volumeId: string): Promise<IndexedVolume | undefined>;
  /**
   * Whether a volume that is not stored is gone from the node. False if the node has no session or its session has not
   * delivered the whole snapshot: Redis may have lost volumes that the agent still has.
   */
  isComplete(node: string): Promise<boolean>;
}

export function storedVolumes(redis: RedisClient, keys: RedisKeys): StoredVolumes {
  return {
    async get(node, volumeId) {
      const json = await redis.hget(keys.volumes(node), volumeId);
      if (json === null) return undefined;
      const volume = decodeVolume(node, volumeId, json);
      if (volume !== undefined) return volume;
      const message = 'volume record has the format of a newer release, waiting for a replica of that release';
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
