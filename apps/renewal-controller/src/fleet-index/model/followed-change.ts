import type { changeKinds } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeKey } from './volume-key.ts';

/** What kind of data may have changed. */
export type ChangeKind = (typeof changeKinds)[number];

/** A change that a follower read. */
export interface FollowedChange {
  /** Id of the last entry of the stream of changes that it contains. */
  readonly position: string;
  readonly kinds: readonly ChangeKind[];
  /** The changed volumes; undefined if they are not listed individually. */
  readonly volumes: readonly VolumeKey[] | undefined;
}

/** Receives the changes that a follower reads. Called in the hot path: must be fast and must not throw. */
export interface ChangeListener {
  changed(change: FollowedChange): void;
  /** The whole index was loaded again: the individual changes are unknown. */
  reloaded(position: string): void;
}

export const noListener: ChangeListener = { changed: () => undefined, reloaded: () => undefined };
