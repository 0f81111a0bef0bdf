import type { CaHistory } from '@certfleet/operator-api/cas.ts';
import { t } from '../messages/messages.ts';

const hourMs = 3_600_000;

/** The counts of one hour. */
export interface ShareHour {
  readonly fromMs: number;
  readonly volumes: number;
  /** By CA, in the order of the history. */
  readonly counts: readonly number[];
}

/** The recorded hours of the last given number of hours. */
export function hoursWithin({ hours, cas }: CaHistory, wanted: number): readonly ShareHour[] {
  const lastMs = Date.parse(hours.at(-1)?.from ?? '');
  return hours
    .map(({ from, volumes }, i) => ({
      fromMs: Date.parse(from),
      volumes,
      counts: cas.map(({ counts }) => counts[i] ?? 0),
    }))
    .filter(({ fromMs }) => fromMs > lastMs - wanted * hourMs);
}

/**
 * The line of a CA as an SVG path: x in hours from the first of `wanted` hours, y in per cent from the top. An hour is
 * level; hours that were not recorded interrupt the line.
 */
export function sharePath(hours: readonly ShareHour[], ca: number, wanted: number): string {
  const firstMs = (hours.at(-1)?.fromMs ?? 0) - (wanted - 1) * hourMs;
  let endOfLine: number | undefined;
  return hours
    .map(({ fromMs, volumes, counts }) => {
      const x = Math.round((fromMs - firstMs) / hourMs);
      const y = 100 - Math.round(shareOf(counts[ca] ?? 0, volumes) * 1_000) / 10;
      const step = `${x === endOfLine ? 'L' : 'M'}${x} ${y}H${x + 1}`;
      endOfLine = x + 1;
      return step;
    })
    .join('');
}

const shareOf = (count: number, volumes: number): number => (volumes === 0 ? 0 : count / volumes);

/** A share in per cent, which is shown as all or nothing only if it is. */
export function shareText(count: number, volumes: number): string {
  const tenths = Math.round(shareOf(count, volumes) * 1_000);
  if (count > 0 && tenths === 0) return t.percent.below(0.1);
  if (count < volumes && tenths === 1_000) return t.percent.above(99.9);
  return t.percent.exact(tenths / 10);
}
