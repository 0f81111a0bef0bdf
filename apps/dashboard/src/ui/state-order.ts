import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';

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
