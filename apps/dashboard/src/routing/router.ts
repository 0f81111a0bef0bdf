import { ScrollPositions } from './scroll-positions.ts';

export interface Location {
  readonly pathname: string;
  readonly search: string;
  /** State stored with this entry of the history. */
  readonly state: unknown;
}

interface HistoryEntry {
  readonly id: string;
  readonly state: unknown;
}

const firstEntry = 'first';
const newEntryId = (): string => `${Date.now()}-${Math.random()}`;

/** An observable address bar. Links of the page are followed without a reload. */
export class Router {
  readonly #window: Window;
  readonly #listeners = new Set<() => void>();
  readonly #scrolls: ScrollPositions;
  #place: Location;
  #entryId: string;

  constructor(window: Window) {
    this.#window = window;
    this.#scrolls = new ScrollPositions(window);
    this.#entryId = (window.history.state as HistoryEntry | null)?.id ?? firstEntry;
    this.#place = this.#read();
  }

  get place(): Location {
    return this.#place;
  }

  start(): void {
    // The browser would restore it before the view has its content.
    this.#window.history.scrollRestoration = 'manual';
    this.#window.addEventListener('popstate', () => this.#returned());
    this.#window.document.addEventListener('click', (event) => this.#followLink(event));
  }

  /** @returns a function that removes the listener */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Opens an address, as a new entry of the history unless `replace` is set. */
  go(href: string, { replace = false, state = null }: { replace?: boolean; state?: unknown } = {}): void {
    const before = this.#place.pathname;
    this.#scrolls.leave(this.#entryId);
    if (!replace) this.#entryId = newEntryId();
    const entry: HistoryEntry = { id: this.#entryId, state };
    if (replace) this.#window.history.replaceState(entry, '', href);
    else this.#window.history.pushState(entry, '', href);
    this.#changed();
    if (before !== this.#place.pathname) this.#window.scrollTo(0, 0);
  }

  #read(): Location {
    const { pathname, search } = this.#window.location;
    return { pathname, search, state: (this.#window.history.state as HistoryEntry | null)?.state ?? null };
  }

  #returned(): void {
    this.#scrolls.leave(this.#entryId);
    this.#entryId = (this.#window.history.state as HistoryEntry | null)?.id ?? firstEntry;
    this.#changed();
    this.#scrolls.restore(this.#entryId);
  }

  #changed(): void {
    this.#place = this.#read();
    for (const listener of this.#listeners) listener();
  }

  #followLink(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || !isPlainClick(event) || !this.#isOfPage(link)) return;
    event.preventDefault();
    this.go(`${link.pathname}${link.search}`);
  }

  #isOfPage(link: HTMLAnchorElement): boolean {
    const isPlain = link.target === '' && link.hash === '' && !link.hasAttribute('download');
    return isPlain && link.origin === this.#window.location.origin && !link.pathname.startsWith('/api/');
  }
}

/** Other clicks open another tab or window, or were handled elsewhere. */
function isPlainClick(event: MouseEvent): boolean {
  const { metaKey, ctrlKey, shiftKey, altKey, button, defaultPrevented } = event;
  return button === 0 && !defaultPrevented && !(metaKey || ctrlKey || shiftKey || altKey);
}
