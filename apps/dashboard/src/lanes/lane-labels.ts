import type { Lane } from '@certfleet/operator-api/lanes.ts';
import { t } from '../messages/messages.ts';
import { shortDuration } from '../time/relative-time.ts';

/** The rate of a lane as text, such as `5/s, bursts of 20`. */
export function describeRate({ policy: { ratePerSecond, burst }, pace }: Pick<Lane, 'policy' | 'pace'>): string {
  if (ratePerSecond === 0) return t.lanes.noLimit;
  const steady = perTime(ratePerSecond);
  const rate = burst > 1 ? t.lanes.withBurst({ rate: steady, burst }) : steady;
  return pace < 1 ? t.lanes.paced({ rate, now: perTime(ratePerSecond * pace) }) : rate;
}

function perTime(perSecond: number): string {
  if (perSecond >= 1) return t.lanes.perSecond(rounded(perSecond));
  if (perSecond * 60 >= 1) return t.lanes.perMinute(rounded(perSecond * 60));
  return t.lanes.perHour(rounded(perSecond * 3600));
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** The renewal windows as text. */
export function describeWindow({ policy: { windows } }: Pick<Lane, 'policy'>): string {
  if (windows.length === 0) return t.lanes.anyTime;
  return windows
    .map(({ cron, durationMs, timeZone: zone = 'UTC' }) =>
      t.lanes.window({ cron, duration: shortDuration(durationMs), zone }),
    )
    .join(t.lanes.windowSeparator);
}

/** The renewals that wait in a lane. */
export const waitingIn = ({ queued, blocked }: Pick<Lane, 'queued' | 'blocked'>): number => queued + blocked;
