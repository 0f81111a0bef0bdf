import { wildcard } from '@certfleet/shared/wildcard.ts';

/**
 * Compiles a filter for names. `*` stands for any characters, which no Kubernetes name contains, and upper and lower case
 * are then the same; without it the whole name must be equal.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  if (!isPattern(pattern)) return (name) => name === pattern;
  const isMatch = wildcard(pattern.toLowerCase());
  return (name) => isMatch(name.toLowerCase());
}

const isPattern = (text: string): boolean => text.includes('*');

/** A name to look up; undefined if it is a pattern. */
export function exactName(name: string | undefined): string | undefined {
  return name === undefined || isPattern(name) ? undefined : name;
}
