import { decodeVolume } from '../fleet-index/volume-json.ts';
import type { VolumeState } from '../fleet-index/volume-state.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';

/** Volumes as Redis has them now: what a decision may rest on, where the view in memory may lag. */
export interface StoredVolumes {
  get(node: string, volumeId: string): Promise<VolumeState | undefined>;
}

/** Reads the index. */
export function storedVolumes(redis: RedisClient, keys: RedisKeys): StoredVolumes {
  return {
    async get(node, volumeId) {
      const json = await redis.hget(keys.volumes(node), volumeId);
      return json === null ? undefined : decodeVolume(node, volumeId, json);
    },
  };
}
