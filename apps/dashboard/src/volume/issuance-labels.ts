import type { Issuance } from '@certfleet/operator-api/volumes.ts';

export const issuanceCauseLabels: Readonly<Record<Issuance['cause'], string>> = {
  mount: 'mount',
  job: 'due',
  requested: 'request',
  retry: 'retry',
  deadline: 'fallback deadline',
  unknown: '',
};

export const issuancePathLabels: Readonly<Record<Issuance['path'], string>> = {
  mount: 'mount',
  controller: 'controller',
  deadline: 'agent',
};
