import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

const limitMs = 15_000;

/** The system's Chromium, with pages that record their errors. */
export class PageBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #problems: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<PageBrowser> {
    // The shell is Chromium without the window of a desktop, which takes half of its CPU time. As root, it only runs
    // without its sandbox.
    const executablePath = '/usr/bin/chromium-headless-shell';
    return new PageBrowser(await chromium.launch({ executablePath, args: ['--no-sandbox'] }));
  }

  /** A page in a separate browser profile. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(limitMs);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.#problems.push(`${page.url()}: ${String(error)}`));
    page.on('console', (message) => {
      const text = message.text();
      // Failed requests are part of the tests; all other errors are faults of the page.
      if (message.type() === 'error' && !text.startsWith('Failed to load resource')) {
        this.#problems.push(`${page.url()}: ${text}`);
      }
    });
    await page.goto(url);
    return page;
  }

  /** Closes all pages. An open one continues to load what changes, also during later tests. */
  async closePages(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
  }

  /** Problems of all pages: thrown errors, and violations of the content security policy. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
