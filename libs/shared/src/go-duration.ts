import { CertfleetError } from './errors.ts';

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds of a duration in the syntax of Go's time.ParseDuration: a sign, then decimal numbers with a unit each,
 * such as `1h30m`, `90s`, `1.5h`, `-2m`. A bare `0` needs no unit.
 * @throws CertfleetError invalid-argument when the text is not of that syntax
 */
export function parseGoDuration(text: string): number {
  const unsigned = text.replace(/^[+-]/, '');
  const sign = text.startsWith('-') ? -1 : 1;
  if (unsigned === '0') return 0;
  const component = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let totalMs = 0;
  let position = 0;
  while (position < unsigned.length) {
    component.lastIndex = position;
    const match = component.exec(unsigned);
    if (match === null) break;
    totalMs += Number(match[1]) * (unitMs[match[2] ?? ''] ?? Number.NaN);
    position = component.lastIndex;
  }
  // time.Duration is a 64-bit count of nanoseconds: about 292 years.
  if (unsigned === '' || position < unsigned.length || totalMs * 1e6 >= 2 ** 63) {
    throw new CertfleetError(
      'invalid-argument',
      `expected a Go duration such as "1h30m" or "90s", found ${JSON.stringify(text)}`,
    );
  }
  return sign * totalMs;
}

/** The duration in the form that Go prints: `1h30m0s`, `1.5s`, `250ms`, `0s`. Fractions of a millisecond are dropped. */
export function formatGoDuration(durationMs: number): string {
  const sign = durationMs < 0 ? '-' : '';
  const ms = Math.trunc(Math.abs(durationMs));
  if (ms === 0) return '0s';
  if (ms < 1000) return `${sign}${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
