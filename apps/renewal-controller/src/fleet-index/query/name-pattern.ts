import { namesIn } from '@certfleet/operator-api/several-names.ts';
import { wildcard } from '@certfleet/shared/wildcard.ts';

/**
 * Compiles a filter for names: one or more, separated by commas, which no Kubernetes name contains. `*` stands for any
 * characters, which no name contains either, and upper and lower case are then the same; without it the whole name must be
 * equal.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  if (!pattern.includes(',')) return singlePattern(pattern);
  const each = namesIn(pattern).map(singlePattern);
  return (name) => each.some((isMatch) => isMatch(name));
}

function singlePattern(pattern: string): (name: string) => boolean {
  if (!pattern.includes('*')) return (name) => name === pattern;
  const isMatch = wildcard(pattern.toLowerCase());
  return (name) => isMatch(name.toLowerCase());
}

/** A name to look up; undefined if it is a pattern or there are several. */
export function exactName(name: string | undefined): string | undefined {
  return name === undefined || /[*,]/.test(name) ? undefined : name;
}
