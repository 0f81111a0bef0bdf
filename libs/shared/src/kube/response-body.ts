import type { Readable } from 'node:stream';

import { CertfleetError } from '../errors.ts';

import { connectionError } from './api-transport.ts';

/** A list's page of 500 CertificateRequests with chains is about 5 MB. */
const largestResponse = 32 * 1024 * 1024;

/**
 * The whole body as text.
 * @throws CertfleetError resource-exhausted with reason ResponseTooLarge; unavailable when the connection breaks off; the
 *   signal's reason when it was aborted
 */
export async function readText(body: Readable, signal?: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      // Leaving the loop destroys the body and with it the connection.
      if (size > largestResponse) break;
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw connectionError(thrown, signal);
  }
  if (size <= largestResponse) return Buffer.concat(chunks, size).toString('utf8');
  throw new CertfleetError(
    'resource-exhausted',
    `expected a response of at most ${largestResponse} bytes from the api server, found more`,
    { reason: 'ResponseTooLarge', retryable: false },
  );
}

/** The whole body as JSON. @throws CertfleetError as readText does; unavailable with reason MalformedResponse */
export async function readJson(body: Readable, signal?: AbortSignal): Promise<unknown> {
  const text = await readText(body, signal);
  try {
    return JSON.parse(text);
  } catch {
    // V8's message quotes the text, which may be anything: it stays out.
    throw new CertfleetError('unavailable', 'expected JSON from the api server, found something else', {
      reason: 'MalformedResponse',
    });
  }
}
