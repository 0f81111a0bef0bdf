import type { changeKinds } from './vocabulary.ts';

/** Data of a `change` event: what to ask for again. An event `reset` has none and means everything. */
export interface ChangeEvent {
  /** What changed. */
  readonly kinds: readonly (typeof changeKinds)[number][];
  /** Node and id of each volume that changed; absent when they are many. */
  readonly volumes?: readonly (readonly [node: string, volumeId: string])[];
}
