import { describe } from 'node:test';

/** Registers tests for a cluster that does not exist yet. */
type Suite<Args extends readonly unknown[]> = (...args: Args) => void;

/** Runs lists of suites at the same time, each list in order: most of their time, they wait. */
export function sideBySide<Args extends readonly unknown[]>(
  lists: Readonly<Record<string, readonly Suite<Args>[]>>,
): Suite<Args> {
  const all = Object.entries(lists);
  return (...args) => {
    describe(all.map(([name]) => name).join(', '), { concurrency: all.length }, () => {
      for (const [name, suites] of all) {
        describe(name, { concurrency: 1 }, () => suites.forEach((suite) => suite(...args)));
      }
    });
  };
}
