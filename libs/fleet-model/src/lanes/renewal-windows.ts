import { Cron } from 'croner';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { WindowPolicy } from './lane-policy.ts';

/** A half-open time span in milliseconds since the epoch; the end is excluded. */
export interface TimeSpan {
  readonly startMs: number;
  readonly endMs: number;
}

const spansEachWay = 8;

/** The renewal windows of a lane, which may overlap; without windows the lane is always open. */
export class RenewalWindows {
  readonly #windows: readonly { readonly cron: Cron; readonly durationMs: number }[];

  /** Throws invalid-argument for an invalid expression, time zone or duration. */
  constructor(policies: readonly WindowPolicy[]) {
    this.#windows = policies.map(({ cron, durationMs, timeZone = 'UTC' }) => {
      if (!(durationMs >= 1000))
        throw new CertfleetError(
          'invalid-argument',
          `window duration must be at least 1000 ms, found ${durationMs} ms`,
        );
      return { cron: parseCron(cron, timeZone), durationMs };
    });
  }

  /** Milliseconds from `nowMs` until renewals may run: 0 inside a window, Infinity if no window opens again. */
  opensInMs(nowMs: number): number {
    if (this.#windows.length === 0) return 0;
    return Math.min(
      ...this.#windows.map((window) => {
        if (startOfRunning(window, nowMs) !== undefined) return 0;
        const next = window.cron.nextRun(new Date(nowMs));
        return next === null ? Infinity : next.getTime() - nowMs;
      }),
    );
  }

  /** Without windows the lane is always open. */
  get isEmpty(): boolean {
    return this.#windows.length === 0;
  }

  /**
   * The last and the next windows of each expression, by their start, for a reader whose clock differs by a few windows.
   * `isLast`: no window begins after these.
   */
  around(nowMs: number): { readonly spans: readonly TimeSpan[]; readonly isLast: boolean } {
    const spans = this.#windows.flatMap(({ cron, durationMs }) => {
      // Both exclude their reference, at which a window may begin.
      const runs = [
        ...cron.previousRuns(spansEachWay, new Date(nowMs + 1000)),
        ...cron.nextRuns(spansEachWay, new Date(nowMs)),
      ];
      const starts = new Set(runs.map((run) => run.getTime()));
      return [...starts].map((startMs) => ({ startMs, endMs: startMs + durationMs }));
    });
    const isLast = this.#windows.every(
      ({ cron }) => cron.nextRuns(spansEachWay, new Date(nowMs)).length < spansEachWay,
    );
    return { spans: spans.sort((a, b) => a.startMs - b.startMs), isLast };
  }

  /**
   * The last window that begins before `beforeMs` and not before `notBeforeMs`, cut off at `beforeMs`; undefined if
   * there is none.
   */
  lastBefore(beforeMs: number, notBeforeMs: number): TimeSpan | undefined {
    const spans = this.#windows.flatMap(({ cron, durationMs }) => {
      const start = cron.previousRuns(1, new Date(beforeMs))[0]?.getTime();
      if (start === undefined || start < notBeforeMs || start >= beforeMs) return [];
      return [{ startMs: start, endMs: Math.min(beforeMs, start + durationMs) }];
    });
    return spans.sort((a, b) => b.startMs - a.startMs)[0];
  }
}

function startOfRunning({ cron, durationMs }: { cron: Cron; durationMs: number }, nowMs: number): number | undefined {
  // Windows of one expression may overlap; the one that began last also ends last.
  const start = cron.previousRuns(1, new Date(nowMs + 1000)).find((run) => run.getTime() <= nowMs);
  return start !== undefined && nowMs < start.getTime() + durationMs ? start.getTime() : undefined;
}

function parseCron(expression: string, timeZone: string): Cron {
  try {
    const cron = new Cron(expression, { timezone: timeZone, paused: true });
    // croner validates the time zone only when it computes a time.
    cron.nextRun(new Date(0));
    return cron;
  } catch (error) {
    throw new CertfleetError(
      'invalid-argument',
      `window needs a valid cron expression and time zone: ${String(error)}`,
    );
  }
}
