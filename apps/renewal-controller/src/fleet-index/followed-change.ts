import type { changeKinds } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeKey } from './volume-key.ts';

/** What of the fleet may have changed. */
export type ChangeKind = (typeof changeKinds)[number];

/** A change that a follower read. */
export interface FollowedChange {
  /** Id of the last entry of the stream of changes that it contains. */
  readonly position: string;
  readonly kinds: readonly ChangeKind[];
  /** Which volumes; undefined when they are not told one by one. */
  readonly volumes: readonly VolumeKey[] | undefined;
}

/** Who wants to know what a follower reads. Called in the hot path: be quick, do not throw. */
export interface ChangeListener {
  changed(change: FollowedChange): void;
  /** Everything was loaded anew: what changed meanwhile is not known. */
  reloaded(position: string): void;
}

/** Tells nobody. */
export const noListener: ChangeListener = { changed: () => undefined, reloaded: () => undefined };
