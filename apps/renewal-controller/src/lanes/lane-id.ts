import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { shortHash } from '../redis/redis-keys.ts';

/** Identifies the lane of an issuer, in Redis keys and in the API. */
export const laneIdOf = (issuer: IssuerName): string => shortHash(issuerKey(issuer));
