/** Far longer than anything takes on a busy machine. */
const usualLimitMs = 30_000;
const betweenMs = 50;

/** Resolves when the condition holds; rejects with its description on a timeout. */
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
