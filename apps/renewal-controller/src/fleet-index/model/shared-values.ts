import { expandHex } from './compact-hex.ts';

/**
 * Interns values: a fleet has few nodes, namespaces, issuers and CAs and many volumes. Cleared when full, so that
 * obsolete names are released.
 */
const texts = new Map<string, string>();
const lists = new Map<string, readonly string[]>();
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

/** The value of a key in a pool, made once. */
export function sharedIn<T>(pool: Map<string, T>, key: string, make: () => T): T {
  const known = pool.get(key);
  if (known !== undefined) return known;
  if (pool.size >= maxShared) pool.clear();
  const made = make();
  pool.set(key, made);
  return made;
}
