import type { changeKinds } from './vocabulary.ts';

/** Data of a `change` event. A `reset` event has no data; the client must reload everything. */
export interface ChangeEvent {
  readonly kinds: readonly (typeof changeKinds)[number][];
  /** Node and id of each volume that changed; absent if there are many. */
  readonly volumes?: readonly (readonly [node: string, volumeId: string])[];
}
