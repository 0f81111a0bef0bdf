const maxEntries = 100;
/** How long a view may take to be as high as it was. */
const maxFrames = 120;

/** Scroll positions of the history's entries, restored as soon as a view has its content again. */
export class ScrollPositions {
  readonly #window: Window;
  readonly #positions = new Map<string, number>();
  /** Counts restores and departures, so that a later one ends an earlier restore. */
  #moves = 0;

  constructor(window: Window) {
    this.#window = window;
  }

  leave(entry: string): void {
    this.#moves += 1;
    this.#positions.delete(entry);
    this.#positions.set(entry, this.#window.scrollY);
    const [oldest] = this.#positions.keys();
    if (this.#positions.size > maxEntries && oldest !== undefined) this.#positions.delete(oldest);
  }

  restore(entry: string): void {
    const top = this.#positions.get(entry) ?? 0;
    const move = ++this.#moves;
    const tryAt = (frame: number): void => {
      if (move !== this.#moves) return;
      const { scrollHeight } = this.#window.document.documentElement;
      const isReachable = scrollHeight - this.#window.innerHeight >= top;
      if (isReachable || frame === maxFrames) this.#window.scrollTo(0, top);
      else this.#window.requestAnimationFrame(() => tryAt(frame + 1));
    };
    this.#window.requestAnimationFrame(() => tryAt(0));
  }
}
