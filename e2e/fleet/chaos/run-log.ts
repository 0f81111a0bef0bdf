import { iso } from './ledger.ts';

interface LogLine {
  readonly atMs: number;
  readonly source: string;
  readonly text: string;
}

const kept = 200_000;

/** What replicas and agents logged, by the true time, however wrong their own clocks are. */
export class RunLog {
  #lines: LogLine[] = [];

  add(source: string, text: string): void {
    this.#lines.push({ atMs: Date.now(), source, text: text.slice(0, 600) });
    if (this.#lines.length > 2 * kept) this.#lines = this.#lines.slice(-kept);
  }

  /** The last lines. */
  last(count: number): readonly string[] {
    return this.between(0, Infinity).slice(-Math.min(count, this.#lines.length));
  }

  /** The lines between two times. */
  between(fromMs: number, toMs: number): readonly string[] {
    return this.#lines
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      .map(({ atMs, source, text }) => `${iso(atMs)} ${source}: ${text}`);
  }
}
