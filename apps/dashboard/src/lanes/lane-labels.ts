import type { Lane } from '@certfleet/operator-api/lanes.ts';
import { shortDuration } from '../time/relative-time.ts';
import { formatCount } from '../ui/count.ts';

/** The rate of a lane as text, such as `5/s, bursts of 20`. */
export function describeRate({ policy: { ratePerSecond, burst }, pace }: Pick<Lane, 'policy' | 'pace'>): string {
  if (ratePerSecond === 0) return 'no limit';
  const now = pace < 1 ? ` (now ${perTime(ratePerSecond * pace)})` : '';
  return `${perTime(ratePerSecond)}${burst > 1 ? `, bursts of ${formatCount(burst)}` : ''}${now}`;
}

function perTime(perSecond: number): string {
  if (perSecond >= 1) return `${rounded(perSecond)}/s`;
  if (perSecond * 60 >= 1) return `${rounded(perSecond * 60)}/min`;
  return `${rounded(perSecond * 3600)}/h`;
}

const rounded = (value: number): string => String(Math.round(value * 10) / 10);

/** The renewal windows as text. */
export function describeWindow({ policy: { windows } }: Pick<Lane, 'policy'>): string {
  if (windows.length === 0) return 'any time';
  return windows
    .map(({ cron, durationMs, timeZone }) => `${cron} for ${shortDuration(durationMs)} (${timeZone ?? 'UTC'})`)
    .join('; ');
}

/** The renewals that wait in a lane. */
export const waitingIn = ({ queued, blocked }: Pick<Lane, 'queued' | 'blocked'>): number => queued + blocked;
