/**
 * Compiles a filter for names. `*` stands for any characters, which no Kubernetes name contains; without it the whole
 * name must be equal. Matching takes linear time for any pattern.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  if (!isPattern(pattern)) return (name) => name === pattern;
  const parts = pattern.toLowerCase().split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  const middle = parts.slice(1, -1).filter((part) => part !== '');
  return (given) => {
    const name = given.toLowerCase();
    if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
    let from = first.length;
    const end = name.length - last.length;
    for (const part of middle) {
      const at = name.indexOf(part, from);
      if (at < 0 || at + part.length > end) return false;
      from = at + part.length;
    }
    return true;
  };
}

const isPattern = (text: string): boolean => text.includes('*');

/** A name to look up; undefined if it is a pattern. */
export function exactName(name: string | undefined): string | undefined {
  return name === undefined || isPattern(name) ? undefined : name;
}
