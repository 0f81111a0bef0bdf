/**
 * Compiles a pattern in which `*` matches any text. Its parts are searched one after another, each after the previous
 * match, without backtracking: matching is linear in the length of the text for any pattern.
 */
export function wildcard(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  const middle = rest.filter((part) => part !== '');
  return (text) => {
    const end = text.length - last.length;
    let from = first.length;
    if (from > end || !text.startsWith(first) || !text.endsWith(last)) return false;
    for (const part of middle) {
      const at = text.indexOf(part, from);
      if (at === -1) return false;
      from = at + part.length;
    }
    return from <= end;
  };
}
