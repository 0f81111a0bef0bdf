import type { JSX } from 'preact';
import { rangeChanges } from './chart-range.ts';
import type { RangeChange } from './chart-range.ts';

const titles: Readonly<Record<RangeChange, string>> = {
  in: 'Zoom in',
  out: 'Zoom out',
  earlier: 'Earlier',
  later: 'Later',
};

export interface RangeButtonsProps {
  readonly onChange: (change: RangeChange) => void;
}

/** Changes the time that a chart shows, as dragging over the chart does. */
export function RangeButtons({ onChange }: RangeButtonsProps): JSX.Element {
  return (
    <div class="segments" role="group" aria-label="Range of the chart">
      {rangeChanges.map((change) => (
        <button type="button" key={change} onClick={() => onChange(change)}>
          {titles[change]}
        </button>
      ))}
    </div>
  );
}
