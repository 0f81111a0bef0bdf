import { shortHash } from '../redis/redis-keys.ts';

/** What a podCertificate source of a pod and the kubelet's requests for it have in common. */
export interface Projection {
  readonly signer: string;
  /** As in the pod, such as ECDSAP256; empty if the key of a request is of another type. */
  readonly keyType: string;
  readonly maxExpirationSeconds: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The API server sets this in requests of pods without a value. */
export const defaultExpirationSeconds = 86_400;

/**
 * Identifies a projection within its pod. The kubelet names its requests at random, so only their content tells for which
 * projection they are. Equal projections of one pod have one key: their certificates are interchangeable.
 */
export function projectionKey({ signer, keyType, maxExpirationSeconds, annotations }: Projection): string {
  const sorted = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1));
  return shortHash(signer, keyType, String(maxExpirationSeconds), ...sorted.flat());
}

/** The id of a row: of one projection of one pod. */
export const rowId = (podUid: string, key: string): string => `${podUid}.${key}`;

/** The string values of an object of the API server. */
export function stringsOf(value: unknown): Readonly<Record<string, string>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
