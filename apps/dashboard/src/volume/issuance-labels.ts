import type { Issuance } from '@certfleet/operator-api/volumes.ts';

/** What brought an issuance about, in words. */
export const issuanceCauseLabels: Readonly<Record<Issuance['cause'], string>> = {
  mount: 'for the mount',
  job: 'when it was due',
  requested: 'on demand',
  retry: 'after a failed try',
  deadline: 'by the agent’s own deadline',
  unknown: '',
};

/** Who set an issuance going, in words. */
export const issuancePathLabels: Readonly<Record<Issuance['path'], string>> = {
  mount: 'the mount',
  controller: 'the controller',
  deadline: 'the agent itself',
};
