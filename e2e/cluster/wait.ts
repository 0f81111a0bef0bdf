import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  /** Adds an explanation to the timeout error. */
  readonly explain?: () => Promise<string>;
}

/** Polls until the condition holds, for changes that are not announced. The error names the condition. */
export async function waitUntil(what: string, isSo: () => Promise<boolean>, options: WaitOptions): Promise<void> {
  const { timeoutMs, intervalMs = 20, explain } = options;
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      const explanation = explain === undefined ? '' : `\n${await explain()}`;
      throw new Error(`waited ${timeoutMs} ms for ${what}${explanation}`);
    }
    await delay(intervalMs);
  }
}

/** The last lines of a file, for error messages; empty without a file. */
export async function lastLines(path: string, lines = 20): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, 16_384);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    await file.close();
  }
}
