import { englishExpirySpans } from '@certfleet/operator-api/english-texts.ts';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import { expirySpans } from '../../fleet-index/view/expiry-spans.ts';
import type { FleetStats } from '../../fleet-index/view/fleet-stats.ts';
import type { ApiContext } from '../routes/api-context.ts';
import { iso } from './volume-row.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const hours = 48;
const days = 30;

/** Future renewals per hour and day, past renewals per hour, and the distribution of expiries. */
export async function fleetTimeline({ view, dispatcher, clock }: ApiContext): Promise<Timeline> {
  const nowMs = clock.now();
  const [dueHours, dueDays, done] = await Promise.all([
    dispatcher.due.scheduled(stepsFrom(nowMs, hourMs, hours)),
    dispatcher.due.scheduled(stepsFrom(nowMs, dayMs, days)),
    dispatcher.history.done(hours),
  ]);
  return {
    due: { hours: spans(dueHours, nowMs, hourMs), days: spans(dueDays, nowMs, dayMs) },
    done: { hours: done.map(({ fromMs, ...counts }) => ({ from: iso(fromMs), ...counts })) },
    expiry: expirySpansOf(view().stats(nowMs)),
  };
}

/** End times of `count` consecutive steps, beginning with the current one. */
function stepsFrom(nowMs: number, stepMs: number, count: number): readonly number[] {
  const first = Math.floor(nowMs / stepMs) + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * stepMs);
}

function spans(counts: readonly number[], nowMs: number, stepMs: number): Timeline['due']['hours'] {
  const first = Math.floor(nowMs / stepMs) * stepMs;
  return counts.map((count, i) => ({ from: iso(first + i * stepMs), count }));
}

function expirySpansOf({ atMs, expiry }: FleetStats): Timeline['expiry'] {
  return expirySpans.map(({ span, toMs }, i) => {
    const fromMs = expirySpans[i - 1]?.toMs;
    return {
      span,
      label: englishExpirySpans[span],
      ...(fromMs !== undefined && { from: iso(atMs + fromMs) }),
      ...(Number.isFinite(toMs) && { to: iso(atMs + toMs) }),
      count: expiry[i] ?? 0,
    };
  });
}
