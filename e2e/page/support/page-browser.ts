import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

/** Far longer than anything takes on a busy machine. */
const limitMs = 30_000;

/** One Chromium for all that use it in this process at the same time. */
let shared: Promise<Browser> | undefined;
let users = 0;

function launch(): Promise<Browser> {
  // The shell is Chromium without the window of a desktop, which takes half of its CPU time. As root, it only runs without
  // its sandbox.
  return chromium.launch({ executablePath: '/usr/bin/chromium-headless-shell', args: ['--no-sandbox'] });
}

/** The system's Chromium, with pages that record their errors. */
export class PageBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #contexts = new Set<BrowserContext>();
  readonly #problems: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<PageBrowser> {
    users += 1;
    return new PageBrowser(await (shared ??= launch()));
  }

  /** A page in a separate browser profile. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    this.#contexts.add(context);
    context.once('close', () => this.#contexts.delete(context));
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

  /** A page whose clock a test can advance; it runs as usual otherwise. */
  async openWithClock(url: string): Promise<Page> {
    const page = await this.open('about:blank');
    await page.clock.install();
    await page.goto(url);
    return page;
  }

  /** Closes all pages. An open one continues to load what changes, also during later tests. */
  async closePages(): Promise<void> {
    await Promise.all([...this.#contexts].map((context) => context.close()));
  }

  /** Problems of all pages: thrown errors, and violations of the content security policy. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closePages();
    users -= 1;
    if (users > 0) return;
    shared = undefined;
    await this.#browser.close();
  }
}
