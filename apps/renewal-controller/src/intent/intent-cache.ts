import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { IntentKind, ObjectOf } from './intent-kinds.ts';
import type { IntentChange } from './intent-store.ts';

/** Deleted objects remembered, so that a late answer to a write does not bring one back. */
const maxDeleted = 1_000;

/**
 * The objects of one kind, in the latest version seen. Events, lists and answers to own writes arrive in any order;
 * the resource version decides which is newer.
 */
export class IntentCache<Kind extends IntentKind> {
  readonly #kind: Kind;
  readonly #log: Logger;
  readonly #objects = new Map<string, ObjectOf<Kind>>();
  readonly #deleted = new Set<string>();
  readonly #listeners = new Set<(change: IntentChange<Kind>) => void>();
  #sorted: readonly ObjectOf<Kind>[] | undefined;

  constructor(kind: Kind, log: Logger) {
    this.#kind = kind;
    this.#log = log;
  }

  /** By name. */
  list(): readonly ObjectOf<Kind>[] {
    this.#sorted ??= [...this.#objects.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    return this.#sorted;
  }

  find(name: string): ObjectOf<Kind> | undefined {
    return this.#objects.get(name);
  }

  onChange(listener: (change: IntentChange<Kind>) => void): () => void {
    const own = (change: IntentChange<Kind>): void => listener(change);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Stores an object, unless a newer version of it is known or it was deleted. */
  put(object: ObjectOf<Kind>): void {
    const { name, uid } = object.metadata;
    const known = this.#objects.get(name);
    if (this.#deleted.has(uid) || (known !== undefined && !isNewer(object, known))) return;
    this.#objects.set(name, object);
    this.#announce(known, object);
  }

  /** Removes an object, unless a newer one of the same name is known. */
  remove({ metadata: { name, uid } }: Pick<ObjectOf<Kind>, 'metadata'>): void {
    this.#deleted.add(uid);
    if (this.#deleted.size > maxDeleted) this.#deleted.delete(this.#deleted.values().next().value ?? uid);
    const known = this.#objects.get(name);
    if (known?.metadata.uid !== uid) return;
    this.#objects.delete(name);
    this.#announce(known, undefined);
  }

  /**
   * Takes a complete list. Objects that were written after it, according to their version, remain: the watch continues
   * at the list's version and reports if they were deleted since.
   */
  replace(objects: readonly ObjectOf<Kind>[], listVersion: string): void {
    const listed = new Set(objects.map(({ metadata }) => metadata.uid));
    for (const known of this.list()) {
      if (listed.has(known.metadata.uid) || versionOf(known.metadata.resourceVersion) > versionOf(listVersion))
        continue;
      this.remove(known);
    }
    for (const object of objects) this.put(object);
  }

  #announce(previous: ObjectOf<Kind> | undefined, current: ObjectOf<Kind> | undefined): void {
    this.#sorted = undefined;
    for (const listener of this.#listeners) {
      try {
        listener({ kind: this.#kind, previous, current });
      } catch (thrown) {
        this.#log.error({ kind: this.#kind, error: asCertfleetError(thrown).message }, 'a listener of objects failed');
      }
    }
  }
}

function isNewer(one: ObjectOf<IntentKind>, other: ObjectOf<IntentKind>): boolean {
  return versionOf(one.metadata.resourceVersion) > versionOf(other.metadata.resourceVersion);
}

/** Versions of one resource are comparable decimal numbers (KEP-5504); anything else counts as the newest. */
function versionOf(resourceVersion: string): bigint {
  return /^\d{1,20}$/.test(resourceVersion) ? BigInt(resourceVersion) : 2n ** 64n;
}
