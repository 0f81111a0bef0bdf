/** Far beyond what anything takes on a busy machine. */
const usualLimitMs = 30_000;
const betweenMs = 20;

/** Resolves once the condition holds; rejects with what was waited for when it does not in time. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = usualLimitMs,
): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`expected ${what} within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, betweenMs));
  }
}
