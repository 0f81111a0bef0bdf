import { boolean, numberBetween } from '@certfleet/shared/flag-parsers.ts';

/** The flags of rollouts after renewals. */
export const rolloutFlags = {
  rollouts: {
    fallback: 'false',
    isSwitch: true,
    help: 'Roll the workloads of volumes with reload-rollout after renewals. Needs rights to workloads, pods and PodDisruptionBudgets.',
    parse: boolean,
  },
  'rollouts-per-minute': {
    fallback: '6',
    help: 'Maximum number of rollouts that are started per minute in the fleet, 0.01 to 12.',
    parse: numberBetween(0.01, 12),
  },
  'namespace-rollouts-per-minute': {
    fallback: '2',
    help: 'Maximum number of rollouts that are started per minute in one namespace, 0.01 to 12.',
    parse: numberBetween(0.01, 12),
  },
} as const;
