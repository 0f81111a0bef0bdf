/** What a `*` matches: part of one DNS label, without a wildcard, or of one segment of a URI's path. */
const starred = { dns: /^[a-z0-9_-]$/, uri: /^[A-Za-z0-9._~-]$/ } as const;

/**
 * Compiles a pattern of names. A `*` matches at least one character of a DNS label, or of one segment of a URI's path, so
 * `*.shop.svc` matches neither `a.b.shop.svc` nor a wildcard name. Without backtracking, because tenants write the names.
 */
export function namePattern(kind: keyof typeof starred, pattern: string): (name: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  return (name) => {
    if (!name.startsWith(first)) return false;
    // Where the part of the pattern that was compared so far may end in the name.
    let ends: ReadonlySet<number> = new Set([first.length]);
    for (const part of rest) ends = endsAfter(ends, { name, part, isStarred: (each) => starred[kind].test(each) });
    return ends.has(name.length);
  };
}

interface NextPart {
  readonly name: string;
  /** Follows the star. */
  readonly part: string;
  readonly isStarred: (character: string) => boolean;
}

/** The ends after a star and the part behind it. */
function endsAfter(ends: ReadonlySet<number>, { name, part, isStarred }: NextPart): ReadonlySet<number> {
  const found = new Set<number>();
  let isInStar = false;
  for (let at = 0; at < name.length; at += 1) {
    isInStar = (isInStar || ends.has(at)) && isStarred(name.charAt(at));
    if (isInStar && name.startsWith(part, at + 1)) found.add(at + 1 + part.length);
  }
  return found;
}
