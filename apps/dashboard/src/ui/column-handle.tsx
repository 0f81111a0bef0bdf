import type { CSSProperties, JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { t } from '../messages/messages.ts';
import { minWidth, maxWidth } from './column-widths.ts';

/** The widths of the columns of a table. */
export interface ColumnSizes {
  /** In pixels, by name of the column; empty until a width is changed. */
  readonly widths: Readonly<Record<string, number>>;
  readonly onChange: (widths: Readonly<Record<string, number>>) => void;
}

/** Of a column without a width in a table with widths. */
const usualWidth = 128;
/** Of one press of an arrow key. */
const stepWidth = 16;
/** The check boxes and the padding. */
const pickWidth = 68;

const bounded = (width: number): number => Math.round(Math.min(maxWidth, Math.max(minWidth, width)));
const pixels = (width: number): string => `${width}px`;

/** The minimum width of a table with these columns. */
function minWidthOf(widths: ColumnSizes['widths'], names: readonly string[]): string {
  return pixels(names.reduce((sum, name) => sum + (widths[name] ?? usualWidth), pickWidth));
}

/** The style of a table whose columns have widths. */
export function tableStyle({ widths }: ColumnSizes, names: readonly string[]): CSSProperties {
  return { '--min-width': minWidthOf(widths, names) };
}

/** The style of the head of a column; the last column gets the rest. */
export function headStyle({ widths }: ColumnSizes, name: string): CSSProperties | undefined {
  const width = widths[name];
  return width === undefined ? undefined : { '--width': pixels(width) };
}

export interface ColumnHandleProps {
  readonly name: string;
  readonly title: string;
  readonly sizes: ColumnSizes;
}

interface Drag {
  readonly startX: number;
  readonly startWidth: number;
  /** The widths of all columns at the start. */
  readonly before: Readonly<Record<string, number>>;
}

/** The right edge of the head of a column: dragged, or moved by the arrow keys, it changes the width. */
export function ColumnHandle({ name, title, sizes }: ColumnHandleProps): JSX.Element {
  const drag = useRef<Drag | undefined>(undefined);
  const { widths, onChange } = sizes;
  const width = widths[name];
  const isSized = Object.keys(widths).length > 0;
  const end = (element: HTMLElement, clientX: number | undefined): void => {
    const { current } = drag;
    drag.current = undefined;
    if (current === undefined || !isSized) return;
    const chosen = changed(name, current, clientX ?? current.startX);
    preview(element, name, chosen);
    onChange(chosen);
  };
  return (
    <span
      role="separator"
      tabIndex={0}
      class="column-handle"
      aria-orientation="vertical"
      aria-label={t.ui.columnWidth(title)}
      aria-valuemin={0}
      aria-valuemax={maxWidth}
      aria-valuenow={width ?? 0}
      aria-valuetext={width === undefined ? t.ui.automaticWidth : t.ui.pixels(width)}
      onPointerDown={(event) => {
        const { currentTarget: element, clientX: startX } = event;
        event.preventDefault();
        element.setPointerCapture(event.pointerId);
        const before = measured(element);
        drag.current = { startX, startWidth: before[name] ?? usualWidth, before };
      }}
      onPointerMove={({ currentTarget, clientX }) => {
        const { current } = drag;
        if (current === undefined || clientX === current.startX) return;
        // The first movement gives every column its width; the others change the style alone, without rendering the rows.
        if (!isSized) onChange(changed(name, current, clientX));
        else preview(currentTarget, name, changed(name, current, clientX));
      }}
      onPointerUp={({ currentTarget, clientX }) => end(currentTarget, clientX)}
      onPointerCancel={({ currentTarget }) => end(currentTarget, undefined)}
      onKeyDown={(event) => {
        const direction = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
        if (direction === 0) return;
        event.preventDefault();
        const before = measured(event.currentTarget);
        onChange({ ...before, [name]: bounded((before[name] ?? usualWidth) + direction * stepWidth) });
      }}
    />
  );
}

const changed = (name: string, { startX, startWidth, before }: Drag, clientX: number): ColumnSizes['widths'] => ({
  ...before,
  [name]: bounded(startWidth + clientX - startX),
});

const headsOf = (element: HTMLElement): readonly HTMLElement[] => [
  ...(element.closest('tr')?.querySelectorAll<HTMLElement>('th[data-column]') ?? []),
];

/** The widths of all columns as they are. */
function measured(element: HTMLElement): Readonly<Record<string, number>> {
  return Object.fromEntries(headsOf(element).map((head) => [head.dataset['column'] ?? '', bounded(head.offsetWidth)]));
}

function preview(element: HTMLElement, name: string, widths: ColumnSizes['widths']): void {
  const heads = headsOf(element);
  const names = heads.map((head) => head.dataset['column'] ?? '');
  heads[names.indexOf(name)]?.style.setProperty('--width', pixels(widths[name] ?? usualWidth));
  element.closest('table')?.style.setProperty('--min-width', minWidthOf(widths, names));
}
