import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { encodeVolume } from '../model/volume-json.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';

/**
 * Limits of one node's share of Redis and of each replica's memory. They are far above an honest node: a kubelet runs a
 * few hundred pods, and a volume's record has about 1 KB.
 */
export const nodeLimits = {
  volumes: 5_000,
  /** Total size of the records of a node, in bytes. */
  bytes: 8 * 1024 * 1024,
  /** Size of one record, in bytes. */
  volumeBytes: 16 * 1024,
  /** Reports processed per message. */
  reports: 10_000,
  /** Length of a volume's id, in characters. */
  idLength: 256,
} as const;

/** A volume and its encoded record. */
export interface EncodedVolume {
  readonly volume: IndexedVolume;
  readonly json: string;
}

/**
 * Encodes a volume within the size limit of a record. A longer record loses its lists of names and its texts, which
 * only people read; the volume is renewed all the same.
 * @throws CertfleetError resource-exhausted if the names required for the renewal exceed the limit
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
    `volume record exceeds ${nodeLimits.volumeBytes} bytes, found ${Buffer.byteLength(slimJson)}`,
  );
}

function isShort(json: string): boolean {
  return json.length * 3 <= nodeLimits.volumeBytes || Buffer.byteLength(json) <= nodeLimits.volumeBytes;
}

/** Counts the refused reports of one message, for a single log line. */
export class Refusals {
  #count: number;
  #first: object | undefined;

  constructor(unread: number) {
    this.#count = unread;
    if (unread > 0) this.#first = { error: `message exceeds ${nodeLimits.reports} reports` };
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
