import { format } from '../messages/messages.ts';
import { timeOfDay } from '../time/relative-time.ts';
import type { Zone } from '../time/relative-time.ts';
import type { TimeUnit } from './timeline-spans.ts';

/** The start of a span as text. */
export function spanTitle(fromMs: number, unit: TimeUnit, shownIn: Zone): string {
  return unit === 'hours' ? timeOfDay(fromMs, shownIn) : format.day(fromMs, shownIn);
}
