import type { VolumeStatus } from '@certfleet/operator-api/vocabulary.ts';

/** States for display, from best to worst. */
export const stateOrder: readonly VolumeStatus[] = [
  'healthy',
  'due',
  'in-flight',
  'pending',
  'failing',
  'overdue',
  'expired',
];
