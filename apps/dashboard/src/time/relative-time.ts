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

/** A local time with its offset from UTC: `2026-11-26 21:45:10 +01:00`. */
export function absoluteTime(atMs: number): string {
  const at = new Date(atMs);
  const offset = -at.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockTime(atMs)} ${zone}`;
}

/** Hours, minutes and seconds in local time. */
function clockTime(atMs: number): string {
  const at = new Date(atMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Milliseconds of a duration such as `30m`, `24h` or `7d`, with days of 24 hours; undefined for other texts. */
export function parseLength(text: string): number | undefined {
  const [, digits, letter] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return Number(digits) * (letter === 'm' ? minute : letter === 'h' ? hour : day);
}
