import { basename } from 'node:path';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from './file-system.ts';
import { systemErrorCode } from './storage-error.ts';

/** The files that a volume shows, by name. */
export type Payload = ReadonlyMap<string, Buffer>;

/** Which file of a payload is meant, and how large it may be. */
export interface PayloadFileRequest {
  readonly name: string;
  readonly maxBytes: number;
}

/** The symbolic link that names the current payload directory; swapping it swaps all files at once. */
export const currentLink = '..data';

/** Name of the current payload directory; undefined when there is none, or `..data` is no link into the same directory. */
export function currentPayloadName(files: FileSystem, directory: string): string | undefined {
  const link = `${directory}/${currentLink}`;
  // Asked first: a new volume has none, and an error with its stack trace costs ten times the question.
  if (files.lstatSync(link, { throwIfNoEntry: false }) === undefined) return undefined;
  const name = linkTarget(files, link);
  // The directory may be somebody else's work (a take-over): a link must not lead out of it.
  return name !== undefined && /^\.\.[^/]+$/.test(name) && name !== currentLink ? name : undefined;
}

/** Where a symbolic link points; undefined when nothing is there or it is no link. */
export function linkTarget(files: FileSystem, path: string): string | undefined {
  try {
    return files.readlinkSync(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** The current files of a data directory, all of one write; empty when nothing was ever written. */
export function readPayload(files: FileSystem, directory: string): Payload {
  const name = currentPayloadName(files, directory);
  return name === undefined ? new Map() : readPayloadDirectory(files, `${directory}/${name}`);
}

/**
 * One of the current files of a data directory, and no other is opened; undefined when it is not among them.
 * @throws CertfleetError failed-precondition when it is larger than `maxBytes`
 */
export function readPayloadFile(
  files: FileSystem,
  directory: string,
  { name, maxBytes }: PayloadFileRequest,
): Buffer | undefined {
  const payloadName = currentPayloadName(files, directory);
  // A name that leads elsewhere is none of a payload's.
  if (payloadName === undefined || basename(name) !== name) return undefined;
  const path = `${directory}/${payloadName}/${name}`;
  try {
    const status = files.lstatSync(path);
    if (!status.isFile()) return undefined;
    if (status.size > maxBytes) {
      throw new CertfleetError(
        'failed-precondition',
        `expected ${name} of at most ${maxBytes} bytes, found ${status.size}`,
      );
    }
    return files.readFileSync(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The plain files of a payload directory; empty when it is not there. */
export function readPayloadDirectory(files: FileSystem, path: string): Payload {
  try {
    // Opening anything but a plain file could block for ever (a FIFO) or lead elsewhere (a link).
    const names = files.readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
    return new Map(names.map(({ name }) => [name, files.readFileSync(`${path}/${name}`)]));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return new Map();
    throw error;
  }
}
