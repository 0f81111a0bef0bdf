import type { Locator, Page } from 'playwright-core';

/** After this time the page loads again what changes without an event. */
const reloadMs = 8_000;
/** Far longer than an answer takes; then more of the page's time passes. */
const answerMs = 1_000;
/** Of the page's time: longer than any part that is not in this process takes, at a second per reload. */
const usualLimitMs = 40 * reloadMs;

interface LaterOptions {
  readonly state?: 'visible' | 'detached';
  /** How much time of the page may pass. */
  readonly withinMs?: number;
}

/**
 * Lets the time of a page that was opened with a clock pass until the element is in that state: the intervals and back-offs
 * of the page, and the time for which data is current, then take no real time.
 */
export async function later(page: Page, element: Locator, options: LaterOptions = {}): Promise<void> {
  const { state = 'visible', withinMs = usualLimitMs } = options;
  for (let passedMs = reloadMs; passedMs < withinMs; passedMs += reloadMs) {
    await page.clock.fastForward(reloadMs);
    const isSo = await element.waitFor({ state, timeout: answerMs }).then(
      () => true,
      () => false,
    );
    if (isSo) return;
  }
  await page.clock.fastForward(reloadMs);
  await element.waitFor({ state });
}
