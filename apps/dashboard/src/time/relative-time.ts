import { format, t } from '../messages/messages.ts';
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

type Unit = 'days' | 'hours' | 'minutes' | 'seconds';
const lengths: Readonly<Record<Unit, number>> = { days: day, hours: hour, minutes: minute, seconds: second };

/** A duration in at most two units, such as `42s`, `3m 20s`, `14m`, `3h 20m`, `2d 4h`, `45d`. */
export function shortDuration(lengthMs: number): string {
  const ms = Math.abs(lengthMs);
  if (ms < minute) return inUnit(ms, 'seconds');
  if (ms < 10 * minute) return inUnits(ms, 'minutes', 'seconds');
  if (ms < hour) return inUnit(ms, 'minutes');
  if (ms < day) return inUnits(ms, 'hours', 'minutes');
  if (ms < 10 * day) return inUnits(ms, 'days', 'hours');
  return inUnit(ms, 'days');
}

const inUnit = (ms: number, unit: Unit): string => t.time[unit](format.digits(Math.floor(ms / lengths[unit])));

function inUnits(ms: number, large: Unit, small: Unit): string {
  const larger = inUnit(ms, large);
  const restMs = ms % lengths[large];
  return restMs < lengths[small] ? larger : t.time.units({ larger, smaller: inUnit(restMs, small) });
}

/** A time relative to now: `in 3h 20m`, `14m ago`, `now` within a second. */
export function relativeTime(atMs: number, nowMs: number): string {
  const length = atMs - nowMs;
  if (Math.abs(length) < second) return t.time.now;
  return t.time[length > 0 ? 'future' : 'past'](shortDuration(length));
}

const two = (value: number): string => format.digits(value, { isPadded: true });

/** In which zone times are shown. */
export type Zone = 'local' | 'utc';

/** A time with its zone: `2026-11-26 21:45:10 +01:00`, or with `UTC`. */
export function absoluteTime(atMs: number, zone: Zone = 'local'): string {
  if (Number.isNaN(atMs)) return '–';
  const digits = format.dateDigits(atMs, zone);
  return t.time.timestamp({ date: t.time.date(digits), clock: t.time.clock(digits), zone: zoneName(atMs, zone) });
}

/** The time of a day: `Thu, Nov 26 21:45 +01:00`. */
export function timeOfDay(atMs: number, zone: Zone): string {
  const clock = t.time.clockOfDay(format.dateDigits(atMs, zone));
  return t.overview.timeline.hourOfDay({ day: format.day(atMs, zone), clock, zone: zoneName(atMs, zone) });
}

/** A time on an axis: the date at midnight, otherwise the time of the day. */
export function axisTime(atMs: number, zone: Zone): string {
  const digits = format.dateDigits(atMs, zone);
  const at = new Date(atMs);
  const hours = zone === 'utc' ? at.getUTCHours() : at.getHours();
  return hours === 0 ? t.time.dateOfYear(digits) : t.time.clockOfDay(digits);
}

/** `+01:00`, or `UTC`. */
function zoneName(atMs: number, zone: Zone): string {
  if (zone === 'utc') return t.time.utc;
  const offset = -new Date(atMs).getTimezoneOffset();
  const minutes = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Milliseconds of a duration such as `30m`, `24h` or `7d`, with days of 24 hours; undefined for other texts. */
export function parseLength(text: string): number | undefined {
  const [, digits, letter] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return Number(digits) * (letter === 'm' ? minute : letter === 'h' ? hour : day);
}
