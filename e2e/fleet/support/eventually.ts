/** Far longer than anything takes on a busy machine. */
const usualLimitMs = 30_000;
const usualPauseMs = 50;

interface Times {
  readonly limitMs: number;
  /** Between two looks. */
  readonly betweenMs: number;
}

/** Resolves when the condition holds; rejects with its description on a timeout. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  times: number | Times = usualLimitMs,
): Promise<void> {
  const { limitMs, betweenMs } = typeof times === 'number' ? { limitMs: times, betweenMs: usualPauseMs } : times;
  const endMs = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`expected ${what} within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, betweenMs));
  }
}
