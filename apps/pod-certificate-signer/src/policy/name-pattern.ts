/** The text that a `*` matches: part of one DNS label, without a wildcard, or of one segment of a URI's path. */
const starOf = { dns: '[a-z0-9_-]+', uri: '[A-Za-z0-9._~-]+' } as const;

/**
 * Compiles a pattern of names. A `*` matches one DNS label, or one segment of a URI's path, so `*.shop.svc` matches
 * neither `a.b.shop.svc` nor a wildcard name.
 */
export function namePattern(kind: keyof typeof starOf, pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`));
  const expression = new RegExp(`^${parts.join(starOf[kind])}$`);
  return (name) => expression.test(name);
}
