import { causeLetter, causeOfLetter, issuancePath } from '@certfleet/fleet-model/issuance-causes.ts';
import type { IssuanceCause } from '@certfleet/fleet-model/issuance-causes.ts';
import type { Issuance } from '@certfleet/operator-api/volumes.ts';

/** An attempt as it is stored. */
export interface AttemptRecord {
  /** The generation that it produced or would have produced. */
  readonly generation: number;
  /** Failed attempts since the last success, including this one; 0 for a success. */
  readonly attempts: number;
  readonly atMs: number;
  readonly cause: IssuanceCause;
  /** 0 if the agent did not report it. */
  readonly durationMs: number;
  /** The error of a failed attempt. */
  readonly error?: string;
}

const maxError = 120;

/** An attempt as one line of text, and the key that the line starts with, which identifies a repeated report. */
export function encodeAttempt(record: AttemptRecord): { readonly key: string; readonly line: string } {
  const { generation, attempts, atMs, cause, durationMs, error = '' } = record;
  const key = `${generation}.${attempts}`;
  const text = error.slice(0, maxError).replaceAll(/\p{Cc}/gu, ' ');
  return { key, line: [key, atMs.toString(36), causeLetter(cause), durationMs, text].join('\t') };
}

/** Decodes stored attempts, one per line. */
export function decodeAttempts(text: string): readonly Issuance[] {
  return text === '' ? [] : text.split('\n').map(decodeAttempt);
}

function decodeAttempt(line: string): Issuance {
  const [key = '', at = '0', letter = 'u', duration = '0', error = ''] = line.split('\t');
  const [generation = 0, attempts = 0] = key.split('.').map(Number);
  const cause = causeOfLetter(letter);
  return {
    at: new Date(Number.parseInt(at, 36)).toISOString(),
    generation,
    cause,
    path: issuancePath(cause),
    ...(duration !== '0' && { durationMs: Number(duration) }),
    result: attempts === 0 ? 'issued' : 'failed',
    ...(error !== '' && { error }),
  };
}
