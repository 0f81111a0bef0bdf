import type { DerValue } from '@certfleet/shared/der-reader.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const rest = '(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)?(\\.\\d{1,9})?(Z|[+-](?:0\\d|1[0-2])[0-5]\\d)$';
/** UTCTime has two digits of the year, GeneralizedTime four. */
const patterns: ReadonlyMap<number, RegExp> = new Map([
  [0x17, new RegExp(`^(\\d\\d)${rest}`)],
  [0x18, new RegExp(`^(\\d{4})${rest}`)],
]);

/** A UTCTime or GeneralizedTime such as `Nov  6 08:49:37 1994 GMT`, or OpenSSL's text for an invalid one. */
export function timeText({ tag, content }: DerValue): string {
  const match = patterns.get(tag)?.exec(content.toString('latin1')) ?? [];
  const [year, month = '', day = '', hour = '', minute = '', ...end] = match.slice(1);
  const [second = '00', fraction = '', zone = ''] = end;
  const local = `${fullYear(year)}-${month}-${day}T${hour}:${minute}:${second}`;
  const localMs = Date.parse(`${local}Z`);
  // Rejects dates such as 31 June, which Date would normalize to 1 July.
  if (Number.isNaN(localMs) || !new Date(localMs).toISOString().startsWith(local)) return 'Bad time value';
  return text(new Date(localMs - offsetMs(zone)), fraction);
}

function text(date: Date, fraction: string): string {
  const day = String(date.getUTCDate()).padStart(2, ' ');
  const time = `${date.toISOString().slice(11, 19)}${fraction}`;
  return `${months[date.getUTCMonth()] ?? ''} ${day} ${time} ${date.getUTCFullYear()} GMT`;
}

/** RFC 5280 4.1.2.5.1. */
function fullYear(digits = ''): string {
  if (digits.length === 4) return digits;
  return `${Number(digits) < 50 ? '20' : '19'}${digits}`;
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  return (zone.startsWith('-') ? -1 : 1) * minutes * 60_000;
}
