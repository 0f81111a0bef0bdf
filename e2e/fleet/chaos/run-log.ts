import { appendFileSync, writeFileSync } from 'node:fs';
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
  readonly #file: string;

  /** @param file where each line is also written at once, so that an ended run leaves its log; '' for none */
  constructor(file = '') {
    this.#file = file;
    if (file !== '') writeFileSync(file, '');
  }

  add(source: string, text: string): void {
    const line = { atMs: Date.now(), source, text: text.slice(0, 600) };
    this.#lines.push(line);
    if (this.#file !== '') appendFileSync(this.#file, `${formatted(line)}\n`);
    if (this.#lines.length > 2 * kept) this.#lines = this.#lines.slice(-kept);
  }

  last(count: number): readonly string[] {
    return this.between(0, Infinity).slice(-Math.min(count, this.#lines.length));
  }

  between(fromMs: number, toMs: number): readonly string[] {
    return this.#lines.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).map(formatted);
  }
}

function formatted({ atMs, source, text }: LogLine): string {
  return `${iso(atMs)} ${source}: ${text}`;
}
