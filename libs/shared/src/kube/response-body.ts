import type { Readable } from 'node:stream';

import { CertfleetError } from '../errors.ts';

import { connectionError } from './api-transport.ts';

/** A page of 500 CertificateRequests with chains is about 5 MB. */
const maxResponse = 32 * 1024 * 1024;

/**
 * The whole body as text.
 * @throws CertfleetError resource-exhausted with reason ResponseTooLarge; unavailable when the connection breaks; the
 * signal's reason when it was aborted
 */
export async function readText(body: Readable, signal?: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const early = (): void => reject(new Error('the response was truncated'));
  // Not `for await`: its iterator costs more than reading the few KB of a typical response.
  body.on('data', (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size > maxResponse) body.destroy(tooLarge());
  });
  body.on('end', resolve).on('error', reject).on('close', early);
  if (body.destroyed) early();
  try {
    await ended;
  } catch (thrown) {
    throw connectionError(thrown, signal);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

function tooLarge(): CertfleetError {
  return new CertfleetError('resource-exhausted', `the API server's response exceeds ${maxResponse} bytes`, {
    reason: 'ResponseTooLarge',
    retryable: false,
  });
}

/**
 * The whole body as JSON.
 * @throws CertfleetError as readText does; unavailable with reason MalformedResponse
 */
export async function readJson(body: Readable, signal?: AbortSignal): Promise<unknown> {
  const text = await readText(body, signal);
  try {
    return JSON.parse(text);
  } catch {
    // V8's message quotes the text, which may contain anything, so it is omitted.
    throw new CertfleetError('unavailable', "the API server's response is not JSON", {
      reason: 'MalformedResponse',
    });
  }
}
