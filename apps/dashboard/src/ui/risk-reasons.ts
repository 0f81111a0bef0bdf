import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';

export type Risk = NonNullable<VolumeRow['risk']>;
export type RiskReason = Risk['reason'];

interface ReasonTexts {
  readonly title: string;
  /** The first step of an operator. */
  readonly advice: string;
  /** The section of docs/runbook.md, as the anchor of its heading. */
  readonly section: string;
}

export const riskTexts: Readonly<Record<RiskReason, ReasonTexts>> = {
  expired: {
    title: 'Expired',
    advice: 'Read the last error, then retry',
    section: 'certfleetvolumeexpired',
  },
  overdue: {
    title: 'Overdue',
    advice: 'Check the agent of the node',
    section: 'certfleetrenewaloverdue',
  },
  failing: {
    title: 'Failing',
    advice: 'Correct the cause of the last error, then retry',
    section: 'certfleetrenewalfailing',
  },
  'node-silent': {
    title: 'Node silent',
    advice: 'Check the node and its agent',
    section: 'certfleetagentsilent',
  },
  'redis-unavailable': {
    title: 'Redis unavailable',
    advice: 'Restore Redis; agents renew at their fallback deadlines',
    section: 'certfleetredisdown',
  },
  'lane-paused': {
    title: 'Lane paused',
    advice: 'Resume the lane, or ask who paused it',
    section: 'certfleetlanepaused',
  },
  'lane-backing-off': {
    title: 'Lane backing off',
    advice: 'Check the issuer',
    section: 'certfleetlanestuck',
  },
  'lane-window': {
    title: 'Window closed',
    advice: 'Renew with “Ignore renewal windows”',
    section: 'a-renewal-must-start-outside-its-window',
  },
};
