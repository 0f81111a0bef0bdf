import { iso } from './ledger.ts';

interface LogLine {
  readonly atMs: number;
  readonly source: string;
  readonly text: string;
}

const kept = 200_000;

/** The log of replicas and agents by the true time, independent of their clocks. */
export class RunLog {
  #lines: LogLine[] = [];

  add(source: string, text: string): void {
    this.#lines.push({ atMs: Date.now(), source, text: text.slice(0, 600) });
    if (this.#lines.length > 2 * kept) this.#lines = this.#lines.slice(-kept);
  }

  last(count: number): readonly string[] {
    return this.between(0, Infinity).slice(-Math.min(count, this.#lines.length));
  }

  between(fromMs: number, toMs: number): readonly string[] {
    return this.#lines
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      .map(({ atMs, source, text }) => `${iso(atMs)} ${source}: ${text}`);
  }
}
