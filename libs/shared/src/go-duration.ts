import { CertfleetError } from './errors.ts';

const nanosecondsPerMs = 1_000_000n;

const unitNanoseconds: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1000n],
  ['µs', 1000n],
  ['μs', 1000n],
  ['ms', nanosecondsPerMs],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

/** time.Duration is a signed 64-bit count of nanoseconds: about 292 years. */
const maxNanoseconds = 2n ** 63n - 1n;
/** More digits cannot matter or cannot fit; a longer text is not a valid duration. */
const maxText = 256;

/**
 * Nanoseconds of the fraction digits. Go multiplies them as a float64 and keeps as many digits as fit an int64; an
 * exact product would differ by a nanosecond (0.3333333333333333333h is 20m0s).
 */
function fractionNanoseconds(digits: string, unit: bigint): bigint {
  let significant = 0n;
  let scale = 1;
  for (const digit of digits) {
    const longer = significant * 10n + BigInt(digit);
    if (longer > maxNanoseconds) break;
    significant = longer;
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(significant) * (Number(unit) / scale)));
}

/** Nanoseconds of an unsigned duration, or undefined when the text is not in Go's syntax. */
function unsignedNanoseconds(text: string): bigint | undefined {
  if (text === '0') return 0n;
  if (text === '' || text.length > maxText) return undefined;
  // The micro signs are escaped: with one unescaped, V8 stores the whole file with two bytes per character.
  const component = /(?=\.?\d)(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  let total = 0n;
  while (component.lastIndex < text.length) {
    const match = component.exec(text);
    if (match === null) return undefined;
    const unit = unitNanoseconds.get(match[3] ?? '') ?? 0n;
    total += BigInt(match[1] ?? '') * unit + fractionNanoseconds(match[2] ?? '', unit);
  }
  return total;
}

/**
 * Milliseconds of a duration in the syntax of Go's time.ParseDuration: a sign, then decimal numbers with a unit each,
 * such as `1h30m`, `90s`, `1.5h`, `-2m`. A bare `0` needs no unit. Fractions of a millisecond are kept, so that a
 * positive duration of at least a nanosecond stays positive.
 * @throws CertfleetError invalid-argument when the text is not in that syntax
 */
export function parseGoDuration(text: string): number {
  const negative = text.startsWith('-');
  const nanoseconds = unsignedNanoseconds(text.replace(/^[+-]/, ''));
  if (nanoseconds === undefined || nanoseconds > maxNanoseconds + (negative ? 1n : 0n)) {
    throw new CertfleetError(
      'invalid-argument',
      `expected a Go duration such as "1h30m" or "90s", found ${JSON.stringify(text.slice(0, maxText))}`,
    );
  }
  const whole = Number(nanoseconds / nanosecondsPerMs);
  const durationMs = whole + Number(nanoseconds % nanosecondsPerMs) / 1e6;
  return negative && durationMs !== 0 ? -durationMs : durationMs;
}

/** A decimal number in the unit, without trailing zeros. */
function decimal(nanoseconds: bigint, unit: string): string {
  const scale = unitNanoseconds.get(unit) ?? 1n;
  const fraction = (nanoseconds % scale)
    .toString()
    .padStart(scale.toString().length - 1, '0')
    .replace(/0+$/, '');
  return `${nanoseconds / scale}${fraction === '' ? '' : `.${fraction}`}${unit}`;
}

/** The duration in Go's form: `1h30m0s`, `1.5s`, `250ms`, `1.5µs`, `0s`. */
export function formatGoDuration(durationMs: number): string {
  const whole = Math.trunc(Math.abs(durationMs));
  const finer = Math.round((Math.abs(durationMs) - whole) * 1e6);
  const nanoseconds = BigInt(whole) * nanosecondsPerMs + BigInt(finer);
  const sign = durationMs < 0 && nanoseconds > 0n ? '-' : '';
  if (nanoseconds === 0n) return '0s';
  if (nanoseconds < 1000n) return `${sign}${decimal(nanoseconds, 'ns')}`;
  if (nanoseconds < nanosecondsPerMs) return `${sign}${decimal(nanoseconds, 'µs')}`;
  if (nanoseconds < 1000n * nanosecondsPerMs) return `${sign}${decimal(nanoseconds, 'ms')}`;
  const minute = 60_000n * nanosecondsPerMs;
  const [hours, minutes] = [nanoseconds / (60n * minute), (nanoseconds / minute) % 60n];
  const seconds = decimal(nanoseconds % minute, 's');
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
