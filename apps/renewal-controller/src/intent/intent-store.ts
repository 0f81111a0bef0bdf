import type { IntentKind, ObjectOf, SpecOf, StatusOf } from './intent-kinds.ts';
import type { NewIntent } from './intent-object.ts';

/** A change of one object: created without `previous`, deleted without `current`. */
export interface IntentChange<Kind extends IntentKind = IntentKind> {
  readonly kind: Kind;
  readonly previous: ObjectOf<Kind> | undefined;
  readonly current: ObjectOf<Kind> | undefined;
}

/** A JSON merge patch (RFC 7396) of a spec: null removes a field. */
export type SpecPatch<Kind extends IntentKind> = {
  readonly [Field in keyof SpecOf<Kind>]?: SpecOf<Kind>[Field] | null;
};

export interface PatchOptions {
  /** Fails with aborted, reason Conflict, if the object has another version. */
  readonly resourceVersion?: string;
}

/**
 * The durable objects of operators. Reads come from a cache that follows the source; writes go to the source, and the
 * cache contains them when the call returns. Errors are CertfleetErrors: not-found, already-exists, invalid-argument for
 * an invalid object, aborted with reason Conflict for an outdated version, unavailable or deadline-exceeded if the
 * source does not answer (the write may have happened).
 */
export interface IntentStore {
  /**
   * Starts to load the objects.
   * @throws if the objects can never be loaded, such as a damaged file
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when the objects of a kind are loaded for the first time; rejects when stopped before. */
  loaded(kind: IntentKind): Promise<void>;
  /** Why the cache may be incomplete or outdated; undefined if it follows the source. */
  problem(kind: IntentKind): string | undefined;
  /** The objects of the cache, by name. Empty until `loaded`. */
  list<Kind extends IntentKind>(kind: Kind): readonly ObjectOf<Kind>[];
  /** An object of the cache. */
  find<Kind extends IntentKind>(kind: Kind, name: string): ObjectOf<Kind> | undefined;
  /** Reads an object from the source. */
  get<Kind extends IntentKind>(kind: Kind, name: string): Promise<ObjectOf<Kind>>;
  /**
   * Calls the listener after each change of the cache, also for the objects of the first load. Listeners must not throw.
   * Returns a function that removes the listener.
   */
  onChange<Kind extends IntentKind>(kind: Kind, listener: (change: IntentChange<Kind>) => void): () => void;
  create<Kind extends IntentKind>(kind: Kind, object: NewIntent<SpecOf<Kind>>): Promise<ObjectOf<Kind>>;
  patchSpec<Kind extends IntentKind>(
    kind: Kind,
    name: string,
    patch: SpecPatch<Kind>,
    options?: PatchOptions,
  ): Promise<ObjectOf<Kind>>;
  /** Replaces the status. Fails with aborted, reason Conflict, if `object` is not the current version. */
  updateStatus<Kind extends IntentKind>(
    kind: Kind,
    object: ObjectOf<Kind>,
    status: StatusOf<Kind>,
  ): Promise<ObjectOf<Kind>>;
  /**
   * Replaces the finalizers of an object. While it has one, a deleted object keeps existing with a deletion timestamp;
   * it is removed with its last finalizer. Fails with aborted, reason Conflict, if `object` is not the current version.
   * @returns undefined if the object was removed
   */
  setFinalizers<Kind extends IntentKind>(
    kind: Kind,
    object: ObjectOf<Kind>,
    finalizers: readonly string[],
  ): Promise<ObjectOf<Kind> | undefined>;
  /** Deletes an object; with a uid, only that one and not a successor of the same name. */
  delete(kind: IntentKind, name: string, uid?: string): Promise<void>;
}
