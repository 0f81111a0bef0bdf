/** Levenshtein distance: the number of insertions, deletions and replacements. */
export function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

/** The known name that is closest to a mistyped one; undefined if none is within a third of its length. */
export function nearestName(mistyped: string, names: readonly string[]): string | undefined {
  // Bounds the cost of a hostile name; real typos are short.
  if (mistyped.length > 64) return undefined;
  let nearest: string | undefined;
  let shortest = Math.max(1, Math.floor(mistyped.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(mistyped.toLowerCase(), name.toLowerCase());
    if (distance < shortest) [nearest, shortest] = [name, distance];
  }
  return nearest;
}
