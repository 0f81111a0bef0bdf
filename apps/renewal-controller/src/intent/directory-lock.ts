import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

const limitMs = 5_000;
const retryMs = 5;

/**
 * Runs work while no other process of this network namespace does so for the same directory. The lock is an abstract Unix
 * socket, which the kernel releases when the process ends for any reason.
 * @throws CertfleetError unavailable if another process keeps the lock for 5 s
 */
export async function withDirectoryLock<T>(directory: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const name = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex')
    .slice(0, 32);
  const untilMs = clock.monotonic() + limitMs;
  let lock = await bind(`\0certfleet-intent-${name}`);
  while (lock === undefined) {
    if (clock.monotonic() >= untilMs)
      throw new CertfleetError('unavailable', `another process has locked ${directory} for ${limitMs} ms`);
    await delay(clock, retryMs);
    lock = await bind(`\0certfleet-intent-${name}`);
  }
  const held = lock;
  try {
    return await work();
  } finally {
    await new Promise((resolve) => held.close(resolve));
  }
}

/** Undefined if another process has bound the socket. */
async function bind(path: string): Promise<Server | undefined> {
  const server = createServer((connection) => connection.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>();
  server.once('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
  );
  server.listen({ path }, () => resolve(server));
  return await promise;
}
