export interface Location {
  readonly pathname: string;
  readonly search: string;
  /** State stored with this entry of the history. */
  readonly state: unknown;
}

/** An observable address bar. Links of the page are followed without a reload. */
export class Router {
  readonly #window: Window;
  readonly #listeners = new Set<() => void>();
  #place: Location;

  constructor(window: Window) {
    this.#window = window;
    this.#place = this.#read();
  }

  get place(): Location {
    return this.#place;
  }

  start(): void {
    this.#window.addEventListener('popstate', () => this.#changed());
    this.#window.document.addEventListener('click', (event) => this.#followLink(event));
  }

  /** @returns a function that removes the listener */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Opens an address, as a new entry of the history unless `replace` is set. */
  go(href: string, { replace = false, state = null }: { replace?: boolean; state?: unknown } = {}): void {
    if (replace) this.#window.history.replaceState(state, '', href);
    else this.#window.history.pushState(state, '', href);
    this.#changed();
  }

  #read(): Location {
    const { pathname, search } = this.#window.location;
    return { pathname, search, state: this.#window.history.state as unknown };
  }

  #changed(): void {
    const before = this.#place.pathname;
    this.#place = this.#read();
    for (const listener of this.#listeners) listener();
    if (before !== this.#place.pathname) this.#window.scrollTo(0, 0);
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
