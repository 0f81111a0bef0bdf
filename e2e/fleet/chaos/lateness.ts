import { readFileSync } from 'node:fs';

interface Look {
  readonly atMs: number;
  readonly lateMs: number;
}

const lookMs = 100;
const keptMs = 300_000;
/** Limits the extension, so that a limit is reached also on a machine that is always late. */
const maxPart = 0.75;

/**
 * Measures how late the machine is: the time for which the run's processes waited for a processor, from the kernel, and
 * the delay of this process' timers. Limits of wall time are extended by it, so that a loaded machine causes no
 * violation.
 */
export class Lateness {
  readonly #pids: () => readonly number[];
  readonly #waitedMs = new Map<number, number>();
  #looks: Look[] = [];
  #timer: NodeJS.Timeout | undefined;
  #expectedMs = 0;

  /** @param pids of the processes that the run waits for */
  constructor(pids: () => readonly number[]) {
    this.#pids = pids;
  }

  start(): void {
    this.#expectedMs = performance.now() + lookMs;
    this.#timer = setInterval(() => this.#look(), lookMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The extension in milliseconds of a limit that began at a time: the worst process' delay at each check. */
  since(fromMs: number): number {
    return this.#looks.reduce((sum, { atMs, lateMs }) => (atMs >= fromMs ? sum + lateMs : sum), 0);
  }

  #look(): void {
    const timerMs = Math.max(0, performance.now() - this.#expectedMs);
    this.#expectedMs = performance.now() + lookMs;
    const lateMs = Math.max(timerMs, ...this.#pids().map((pid) => this.#newlyWaitedMs(pid)));
    const atMs = Date.now();
    this.#looks.push({ atMs, lateMs: Math.min(lateMs, maxPart * (lookMs + timerMs)) });
    if (this.#looks.length % 1_000 === 0) this.#looks = this.#looks.filter((look) => atMs - look.atMs < keptMs);
  }

  /** How long the process' main thread waited for a processor since the last check. */
  #newlyWaitedMs(pid: number): number {
    const waitedMs = waitedForProcessorMs(pid);
    const before = this.#waitedMs.get(pid) ?? waitedMs;
    this.#waitedMs.set(pid, waitedMs);
    return Math.max(0, waitedMs - before);
  }
}

/** 0 for a process that has exited, and where the kernel does not count it. */
function waitedForProcessorMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1] ?? 0) / 1e6;
  } catch {
    return 0;
  }
}
