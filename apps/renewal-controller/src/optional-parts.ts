import { boolean, integerBetween } from '@certfleet/shared/flag-parsers.ts';
import { rolloutFlags } from './rollouts/rollout-flags.ts';

/** The flags of the parts that can be switched off; all but the metrics of CAs are by default. */
export const optionalPartFlags = {
  ...rolloutFlags,
  'pod-certificates': {
    fallback: 'false',
    isSwitch: true,
    help: 'Show the pod certificates of the cluster, whoever signs them. Needs rights to list and watch pods and PodCertificateRequests.',
    parse: boolean,
  },
  'ca-metrics': {
    fallback: '20',
    help: 'CAs with a series of their own in certfleet_controller_ca_volumes: those with most volumes; the others are summed. 0: no metrics of CAs.',
    parse: integerBetween(0, 200),
  },
} as const;
