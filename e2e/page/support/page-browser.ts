import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

const limitMs = 15_000;

/** The system's Chromium, with pages that keep what went wrong in them. */
export class PageBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #problems: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<PageBrowser> {
    // As root Chromium runs without its sandbox only.
    return new PageBrowser(await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] }));
  }

  /** A page of a browser profile of its own. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(limitMs);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.#problems.push(`${page.url()}: ${String(error)}`));
    page.on('console', (message) => {
      const text = message.text();
      // What a restarted or refusing server causes is the subject of tests; everything else is a fault of the page.
      if (message.type() === 'error' && !text.startsWith('Failed to load resource')) {
        this.#problems.push(`${page.url()}: ${text}`);
      }
    });
    await page.goto(url);
    return page;
  }

  /** What went wrong in all pages: thrown errors, and what the content security policy forbade. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
