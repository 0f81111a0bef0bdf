import { Cron } from 'croner';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { WindowPolicy } from './lane-policy.ts';

/** A span of time in milliseconds since the epoch; the end is outside. */
export interface TimeSpan {
  readonly startMs: number;
  readonly endMs: number;
}

/** The renewal windows of a lane: several may overlap, none at all means that it is always open. */
export class RenewalWindows {
  readonly #windows: readonly { readonly cron: Cron; readonly durationMs: number }[];

  /** Throws invalid-argument for an expression, time zone or duration that makes no window. */
  constructor(policies: readonly WindowPolicy[]) {
    this.#windows = policies.map(({ cron, durationMs, timeZone = 'UTC' }) => {
      if (!(durationMs >= 1000))
        throw new CertfleetError('invalid-argument', `a window lasts a second or more, found ${durationMs} ms`);
      return { cron: parseCron(cron, timeZone), durationMs };
    });
  }

  /** How long from `nowMs` until renewals may run: 0 inside a window, Infinity when none will ever open again. */
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

  /**
   * The last window that begins before `beforeMs` and not before `notBeforeMs`, cut off at `beforeMs`; undefined when
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
  // Windows of one expression may overlap, but the one that began last ends last.
  const start = cron.previousRuns(1, new Date(nowMs + 1000)).find((run) => run.getTime() <= nowMs);
  return start !== undefined && nowMs < start.getTime() + durationMs ? start.getTime() : undefined;
}

function parseCron(expression: string, timeZone: string): Cron {
  try {
    const cron = new Cron(expression, { timezone: timeZone, paused: true });
    // The time zone is looked at only when a time is reckoned.
    cron.nextRun(new Date(0));
    return cron;
  } catch (error) {
    throw new CertfleetError('invalid-argument', `a window needs a cron expression and a time zone: ${String(error)}`);
  }
}
