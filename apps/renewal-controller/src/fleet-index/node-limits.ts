import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { encodeVolume } from './volume-json.ts';
import type { IndexedVolume } from './indexed-volume.ts';

/**
 * What one node may take of Redis and of each replica's memory. A node that reports honestly is far below: a kubelet runs
 * a few hundred pods, and a volume's record has about 1 KB.
 */
export const nodeLimits = {
  volumes: 5_000,
  /** Of all records of a node, in bytes. */
  bytes: 8 * 1024 * 1024,
  /** Of one record, in bytes. */
  volumeBytes: 16 * 1024,
  /** Reports that are looked at in one message. */
  reports: 10_000,
  /** Of a volume's id, in characters. */
  idLength: 256,
} as const;

/** A volume, and as it lies in Redis. */
export interface EncodedVolume {
  readonly volume: IndexedVolume;
  readonly json: string;
}

/**
 * A volume within the limit of one record: one that is longer loses its lists of names and its texts, which only people
 * read, and is renewed all the same.
 * @throws CertfleetError resource-exhausted when its names alone are longer
 */
export function boundedVolume(volume: IndexedVolume): EncodedVolume {
  const json = encodeVolume(volume);
  if (isShort(json)) return { volume, json };
  const { certificate, failure, ...rest } = volume;
  const lists = { dnsNames: [], uris: [], ipAddresses: [], subject: '' };
  const slim: IndexedVolume = {
    ...rest,
    ...(certificate && { certificate: { ...certificate, ...lists } }),
    ...(failure && { failure: { ...failure, message: '' } }),
  };
  const slimJson = encodeVolume(slim);
  if (isShort(slimJson)) return { volume: slim, json: slimJson };
  throw new CertfleetError(
    'resource-exhausted',
    `expected a record of at most ${nodeLimits.volumeBytes} bytes, found ${Buffer.byteLength(slimJson)}`,
  );
}

function isShort(json: string): boolean {
  return json.length * 3 <= nodeLimits.volumeBytes || Buffer.byteLength(json) <= nodeLimits.volumeBytes;
}

/** Counts what is refused of one message, for one line of log. */
export class Refusals {
  #count: number;
  #first: object | undefined;

  constructor(unread: number) {
    this.#count = unread;
    if (unread > 0) this.#first = { error: `expected at most ${nodeLimits.reports} reports in a message, found more` };
  }

  add(count: number, example: { readonly volumeId?: string; readonly error: string }): void {
    if (count === 0) return;
    this.#count += count;
    this.#first ??= example;
  }

  log(logger: Logger, node: string): void {
    if (this.#count > 0) logger.warn({ node, refused: this.#count, ...this.#first }, 'reports refused');
  }
}
