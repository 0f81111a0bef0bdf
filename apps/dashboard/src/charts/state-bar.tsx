import type { JSX } from 'preact';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { stateOrder } from '../ui/state-order.ts';

export type StateCounts = Readonly<Record<VolumeStatus, number>>;

const width = 1000;
/** Minimum width, so that one state of a hundred thousand volumes stays visible. */
const minWidth = 6;

export interface StateBarProps {
  readonly counts: StateCounts;
  /** Volumes that are in none of the counts, because they are at risk. */
  readonly atRisk?: number;
}

/** The shares of a total as one bar; the numbers are shown next to it. */
export function StateBar({ counts, atRisk = 0 }: StateBarProps): JSX.Element {
  const parts = [...stateOrder.map((state) => [state, counts[state]] as const), ['at-risk', atRisk] as const];
  const present = parts.filter(([, count]) => count > 0);
  const total = present.reduce((sum, [, count]) => sum + count, 0);
  const widths = present.map(([, count]) => Math.max(minWidth, (count / Math.max(1, total)) * width));
  const scale = width / widths.reduce((sum, each) => sum + each, 0);
  let x = 0;
  return (
    <svg class="state-bar" viewBox={`0 0 ${width} 8`} preserveAspectRatio="none" aria-hidden="true">
      {total === 0 && <rect width={width} height="8" class="fill-none" />}
      {present.map(([name], i) => {
        const from = x;
        x += (widths[i] ?? 0) * scale;
        return <rect key={name} class={`fill-${name}`} x={from} width={Math.max(1, x - from - 2)} height="8" />;
      })}
    </svg>
  );
}
