import { expandHex } from './compact-hex.ts';
import type { IssuerName } from './indexed-volume.ts';

/** An issuer as records contain it: group, kind, namespace and name. */
export type StoredIssuer = readonly [string, string, string, string];

/**
 * Interns values: a fleet has few nodes, namespaces, issuers and CAs and many volumes. Cleared when full, so that
 * obsolete names are released.
 */
const texts = new Map<string, string>();
const lists = new Map<string, readonly string[]>();
const issuers = new Map<string, IssuerName>();
const maxShared = 20_000;
const none: readonly string[] = [];

export function shared(text: string): string {
  return sharedIn(texts, text, () => text);
}

/** Decodes a list of fingerprints that `compactHex` shortened. */
export function sharedFingerprints(compact: readonly string[]): readonly string[] {
  return sharedIn(lists, JSON.stringify(compact), () => compact.map(expandHex));
}

export function sharedIfEmpty(list: readonly string[]): readonly string[] {
  return list.length === 0 ? none : list;
}

export function sharedIssuer([group, kind, namespace, name]: StoredIssuer): IssuerName {
  return sharedIn(issuers, `${group}/${kind}/${namespace}/${name}`, () => ({ group, kind, namespace, name }));
}

function sharedIn<T>(pool: Map<string, T>, key: string, make: () => T): T {
  const known = pool.get(key);
  if (known !== undefined) return known;
  if (pool.size >= maxShared) pool.clear();
  const made = make();
  pool.set(key, made);
  return made;
}
