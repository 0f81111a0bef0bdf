import type { issuanceCauses } from '@certfleet/operator-api/vocabulary.ts';
import type { Issuance } from '@certfleet/operator-api/volumes.ts';

type Cause = (typeof issuanceCauses)[number];

/** A try to issue, as it is written down. */
export interface AttemptRecord {
  /** The generation that it made, or would have made. */
  readonly generation: number;
  /** Failed tries before the next success, this one included; 0 when it went well. */
  readonly attempts: number;
  readonly atMs: number;
  readonly cause: Cause;
  /** 0 when the agent did not say. */
  readonly durationMs: number;
  /** Why it failed. */
  readonly error?: string;
}

/** One letter each, since ten tries of every volume are kept. */
const letters: Readonly<Record<Cause, string>> = {
  mount: 'm',
  job: 'j',
  requested: 'p',
  retry: 'r',
  deadline: 'd',
  unknown: 'u',
};
const causes = new Map(Object.entries(letters).map(([cause, letter]) => [letter, cause as Cause]));
const maxError = 120;

/** A try as one line of text, and what it begins with: the name of the try, which tells it when it is told again. */
export function encodeAttempt(record: AttemptRecord): { readonly key: string; readonly line: string } {
  const { generation, attempts, atMs, cause, durationMs, error = '' } = record;
  const key = `${generation}.${attempts}`;
  const text = error.slice(0, maxError).replaceAll(/\p{Cc}/gu, ' ');
  return { key, line: [key, atMs.toString(36), letters[cause], durationMs, text].join('\t') };
}

/** The tries that were written down, a line each. */
export function decodeAttempts(text: string): readonly Issuance[] {
  return text === '' ? [] : text.split('\n').map(decodeAttempt);
}

function decodeAttempt(line: string): Issuance {
  const [key = '', at = '0', letter = 'u', duration = '0', error = ''] = line.split('\t');
  const [generation = 0, attempts = 0] = key.split('.').map(Number);
  const cause = causes.get(letter) ?? 'unknown';
  return {
    at: new Date(Number.parseInt(at, 36)).toISOString(),
    generation,
    cause,
    path: pathOf(cause),
    ...(duration !== '0' && { durationMs: Number(duration) }),
    result: attempts === 0 ? 'issued' : 'failed',
    ...(error !== '' && { error }),
  };
}

/** Where a certificate was adopted or is of an earlier life of the agent, the mount stands at its begin. */
function pathOf(cause: Cause): Issuance['path'] {
  if (cause === 'mount' || cause === 'unknown') return 'mount';
  return cause === 'deadline' ? 'deadline' : 'controller';
}
