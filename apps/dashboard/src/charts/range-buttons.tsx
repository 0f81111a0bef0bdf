import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import { rangeChanges } from './chart-range.ts';
import type { RangeChange } from './chart-range.ts';

export interface RangeButtonsProps {
  readonly onChange: (change: RangeChange) => void;
}

/** Changes the time that a chart shows, as dragging over the chart does. */
export function RangeButtons({ onChange }: RangeButtonsProps): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={t.overview.timeline.range}>
      {rangeChanges.map((change) => (
        <button type="button" key={change} onClick={() => onChange(change)}>
          {t.overview.timeline.ranges[change]}
        </button>
      ))}
    </div>
  );
}
