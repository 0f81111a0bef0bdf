import type { Browser, CDPSession, Page } from 'playwright-core';

/** What the browser has measured of a page since its start. */
export interface PageTimings {
  readonly firstPaintMs: number;
  readonly layoutShift: number;
  readonly longestTaskMs: number;
}

/** Installed before the page's own script. */
const observe = `
  globalThis.benchTimings = { layoutShift: 0, longestTaskMs: 0 };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if (!entry.hadRecentInput) benchTimings.layoutShift += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      benchTimings.longestTaskMs = Math.max(benchTimings.longestTaskMs, entry.duration);
  }).observe({ type: 'longtask', buffered: true });`;

/** Measures one page of a real Chromium. */
export class PageObserver {
  readonly page: Page;
  readonly #devtools: CDPSession;
  #bytes = 0;

  private constructor(page: Page, devtools: CDPSession) {
    this.page = page;
    this.#devtools = devtools;
  }

  /** A page in a browser profile without a cache. */
  static async open(browser: Browser): Promise<PageObserver> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.addInitScript(observe);
    const observer = new PageObserver(page, await context.newCDPSession(page));
    await observer.#countTraffic();
    return observer;
  }

  async #countTraffic(): Promise<void> {
    await this.#devtools.send('Network.enable');
    this.#devtools.on('Network.dataReceived', ({ dataLength, encodedDataLength }) => {
      // An event stream has no encoded length until it ends.
      this.#bytes += encodedDataLength > 0 ? encodedDataLength : dataLength;
    });
  }

  /** Bytes received since the start, without headers. */
  get bytes(): number {
    return this.#bytes;
  }

  async timings(): Promise<PageTimings> {
    return await this.page.evaluate<PageTimings>(`({
      firstPaintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
      ...benchTimings,
    })`);
  }

  /** Forgets the tasks until now, such as those of the start. */
  async restart(): Promise<void> {
    await this.page.evaluate('benchTimings.longestTaskMs = 0');
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}

/** Seconds of CPU of all processes with pages. */
export async function rendererSeconds(browser: Browser): Promise<number> {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  await devtools.detach();
  return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}
