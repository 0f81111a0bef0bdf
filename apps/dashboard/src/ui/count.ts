import { format } from '../messages/messages.ts';
/** A number with thousands separators. */
export function formatCount(count: number): string {
  return format.number(count);
}
