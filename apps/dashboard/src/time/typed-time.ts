import { parseLength } from './relative-time.ts';
import type { Zone } from './relative-time.ts';

const form = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?(?: ?(Z|UTC|[+-]\d\d:\d\d))?$/;

/**
 * What an address has for a typed time: a length such as `24h`, or RFC 3339 in UTC, so that it means the same for everybody;
 * undefined for another text.
 * @param zone of a text without a zone
 */
export function typedTime(text: string, zone: Zone): string | undefined {
  const typed = text.trim();
  if (parseLength(typed) !== undefined) return typed;
  const [, day, time = '00:00', given = zone === 'utc' ? 'Z' : ''] = form.exec(typed) ?? [];
  if (day === undefined) return undefined;
  const atMs = Date.parse([day, `${time}${given.replace('UTC', 'Z')}`].join('T'));
  return Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString().replace('.000Z', 'Z');
}
