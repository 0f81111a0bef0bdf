import type { VolumeStatus } from '@certfleet/operator-api/vocabulary.ts';

/** States in the order in which a person reads them: from well to worst. */
export const stateOrder: readonly VolumeStatus[] = [
  'healthy',
  'due',
  'in-flight',
  'pending',
  'failing',
  'overdue',
  'expired',
];
