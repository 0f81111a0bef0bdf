import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';

export type Risk = NonNullable<VolumeRow['risk']>;
export type RiskReason = Risk['reason'];

/** The section of docs/runbook.md for each reason, as the anchor of its heading. */
export const runbookSections: Readonly<Record<RiskReason, string>> = {
  expired: 'certfleetvolumeexpired',
  overdue: 'certfleetrenewaloverdue',
  failing: 'certfleetrenewalfailing',
  'node-silent': 'certfleetagentsilent',
  'redis-unavailable': 'certfleetredisdown',
  'policies-unknown': 'certfleetpoliciesunknown',
  'lane-paused': 'certfleetlanepaused',
  'lane-backing-off': 'certfleetlanestuck',
  'lane-window': 'a-renewal-must-start-outside-its-window',
};
