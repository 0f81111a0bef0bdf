import type { JSX } from 'preact';

// Drawn on a grid of 16 with lines of 1.5, for text of 13 px.
const paths = {
  healthy: 'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5.2 8.2l2 2l3.6-4',
  due: 'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 4.5V8l2.3 1.6',
  'in-flight': 'M2.6 6.5a5.75 5.75 0 0 1 10.3-1.7M13.4 9.5a5.75 5.75 0 0 1-10.3 1.7M13.3 2v3h-3M2.7 14v-3h3',
  overdue: 'M8 2L14.6 13.5H1.4zM8 6.3v3.4M8 11.5v.3',
  failing: 'M5.4 1.75h5.2l3.65 3.65v5.2l-3.65 3.65H5.4L1.75 10.6V5.4zM5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2',
  expired: 'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M3.6 3.6l8.8 8.8',
  pending: 'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5 8h.1M8 8h.1M11 8h.1',
  open: 'M2 8h11M9.5 4.5L13 8l-3.5 3.5',
  paused: 'M5.5 3.5v9M10.5 3.5v9',
  'backing-off': 'M13 9.6A5.6 5.6 0 1 1 6.4 3a4.6 4.6 0 0 0 6.6 6.6z',
  window: 'M2.5 3.5h11v10h-11zM2.5 6.5h11M5.5 2v3M10.5 2v3',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9M10.3 10.3L14 14',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'M3 8.5l3.3 3.3L13 5',
  close: 'M4 4l8 8M12 4l-8 8',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 0 1 0-5.6M8 1.2v1.3M8 13.5v1.3M1.2 8h1.3M13.5 8h1.3M3.2 3.2l.9.9M11.9 11.9l.9.9M3.2 12.8l.9-.9M11.9 4.1l.9-.9',
  device: 'M2 3h12v8H2zM6 14h4M8 11v3',
  up: 'M8 12.5v-9M4.5 7L8 3.5L11.5 7',
  down: 'M8 3.5v9M4.5 9L8 12.5L11.5 9',
  right: 'M6 3.5L10.5 8L6 12.5',
  left: 'M10 3.5L5.5 8L10 12.5',
  download: 'M8 2v8M4.5 7L8 10.5L11.5 7M2.5 13.5h11',
  columns: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  'sign-out': 'M6 2.5H2.5v11H6M6 8h7.5M10.5 5l3 3l-3 3',
  critical: 'M5.4 1.75h5.2l3.65 3.65v5.2l-3.65 3.65H5.4L1.75 10.6V5.4zM8 4.7v4M8 11v.3',
  warning: 'M8 2L14.6 13.5H1.4zM8 6.3v3.4M8 11.5v.3',
  unknown:
    'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M6.2 6.2a1.9 1.9 0 1 1 2.7 1.7c-.6.3-.9.7-.9 1.3M8 11.3v.3',
  info: 'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 7.3v4M8 4.7v.3',
} as const;

export type IconName = keyof typeof paths;

/** A decorative icon next to a text with the same meaning; hidden from screen readers. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
