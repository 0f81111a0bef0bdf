import type { VolumeGroup } from './rotation-facts.ts';

/** Why a phase does not continue now. */
export interface Wait {
  /** In CamelCase; a reason of a condition. */
  readonly reason: string;
  readonly message: string;
  /**
   * Part of the progress; reports of nodes or pods that should come without an action; a problem that somebody must
   * solve; or an operator's decision.
   */
  readonly kind: 'progress' | 'reports' | 'problem' | 'operator';
  readonly volumes?: VolumeGroup;
  readonly nodes?: readonly string[];
  readonly issuers?: readonly string[];
  /** How many pod certificates it waits for. */
  readonly pods?: number;
  /** Further names for an Event, such as those of pods and signers. */
  readonly names?: readonly string[];
  /** Nothing more may be started, and what waits is recalled. */
  readonly mustHold?: boolean;
}
