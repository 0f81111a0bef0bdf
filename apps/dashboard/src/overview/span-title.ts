import { timeParts } from '../time/relative-time.ts';
import type { Zone } from '../time/relative-time.ts';
import type { TimeUnit } from './timeline-spans.ts';

const dayFormat = new Intl.DateTimeFormat('en', {
  weekday: 'short',
  month: 'short',
  day: 'numeric',
  timeZone: 'UTC',
});

/** The start of a span as text. */
export function spanTitle(fromMs: number, unit: TimeUnit, shownIn: Zone): string {
  const { date, clock, zone } = timeParts(fromMs, shownIn);
  const day = dayFormat.format(new Date(date));
  return unit === 'hours' ? `${day} ${clock.slice(0, 5)} ${zone}` : day;
}
