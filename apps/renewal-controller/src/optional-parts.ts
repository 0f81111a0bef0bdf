import { boolean } from '@certfleet/shared/flag-parsers.ts';
import { rolloutFlags } from './rollouts/rollout-flags.ts';

/** The flags of the parts that are off by default. */
export const optionalPartFlags = {
  ...rolloutFlags,
  'pod-certificates': {
    fallback: 'false',
    isSwitch: true,
    help: 'Show the pod certificates of the cluster, whoever signs them. Needs rights to list and watch pods and PodCertificateRequests.',
    parse: boolean,
  },
} as const;
