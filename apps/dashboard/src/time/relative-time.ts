const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration in at most two units, such as `42s`, `3m 20s`, `14m`, `3h 20m`, `2d 4h`, `45d`. */
export function shortDuration(lengthMs: number): string {
  const ms = Math.abs(lengthMs);
  if (ms < minute) return `${Math.floor(ms / second)}s`;
  if (ms < 10 * minute) return twoUnits(ms, [minute, 'm'], [second, 's']);
  if (ms < hour) return `${Math.floor(ms / minute)}m`;
  if (ms < day) return twoUnits(ms, [hour, 'h'], [minute, 'm']);
  if (ms < 10 * day) return twoUnits(ms, [day, 'd'], [hour, 'h']);
  return `${Math.floor(ms / day)}d`;
}

type Unit = readonly [ms: number, letter: string];

function twoUnits(ms: number, [large, largeLetter]: Unit, [small, smallLetter]: Unit): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)}${largeLetter}${rest === 0 ? '' : ` ${rest}${smallLetter}`}`;
}

/** A time relative to now: `in 3h 20m`, `14m ago`, `now` within a second. */
export function relativeTime(atMs: number, nowMs: number): string {
  const length = atMs - nowMs;
  if (Math.abs(length) < second) return 'now';
  return length > 0 ? `in ${shortDuration(length)}` : `${shortDuration(length)} ago`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** In which zone times are shown. */
export type Zone = 'local' | 'utc';

/** The parts of a time in a zone. */
export interface TimeParts {
  /** `2026-11-26` */
  readonly date: string;
  readonly hours: number;
  /** `21:45:10` */
  readonly clock: string;
  /** `+01:00`, or `UTC`. */
  readonly zone: string;
}

export function timeParts(atMs: number, zone: Zone): TimeParts {
  const at = new Date(atMs);
  // A time is written as the UTC time that has the same digits.
  const offset = zone === 'utc' ? 0 : -at.getTimezoneOffset();
  const shifted = new Date(atMs + offset * minute);
  if (Number.isNaN(shifted.getTime())) return { date: '–', hours: 0, clock: '', zone: '' };
  const text = shifted.toISOString();
  const sign = offset < 0 ? '-' : '+';
  const named = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return {
    date: text.slice(0, 10),
    hours: shifted.getUTCHours(),
    clock: text.slice(11, 19),
    zone: zone === 'utc' ? 'UTC' : named,
  };
}

/** A time with its zone: `2026-11-26 21:45:10 +01:00`, or with `UTC`. */
export function absoluteTime(atMs: number, zone: Zone = 'local'): string {
  const parts = timeParts(atMs, zone);
  return `${parts.date} ${parts.clock} ${parts.zone}`.trim();
}

/** Milliseconds of a duration such as `30m`, `24h` or `7d`, with days of 24 hours; undefined for other texts. */
export function parseLength(text: string): number | undefined {
  const [, digits, letter] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return Number(digits) * (letter === 'm' ? minute : letter === 'h' ? hour : day);
}
