import type { JSX } from 'preact';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { stateOrder } from '../ui/state-order.ts';

export type StateCounts = Readonly<Record<VolumeStatus, number>>;

const width = 1000;
/** Minimum width, so that one state of a hundred thousand volumes stays visible. */
const least = 6;

/** The shares of a total as one bar; the numbers are shown next to it. */
export function StateBar({ counts }: { readonly counts: StateCounts }): JSX.Element {
  const present = stateOrder.filter((state) => counts[state] > 0);
  const total = present.reduce((sum, state) => sum + counts[state], 0);
  const widths = present.map((state) => Math.max(least, (counts[state] / Math.max(1, total)) * width));
  const scale = width / widths.reduce((sum, each) => sum + each, 0);
  let x = 0;
  return (
    <svg class="state-bar" viewBox={`0 0 ${width} 8`} preserveAspectRatio="none" aria-hidden="true">
      {total === 0 && <rect width={width} height="8" class="fill-none" />}
      {present.map((state, i) => {
        const from = x;
        x += (widths[i] ?? 0) * scale;
        return <rect key={state} class={`fill-${state}`} x={from} width={Math.max(1, x - from - 2)} height="8" />;
      })}
    </svg>
  );
}
