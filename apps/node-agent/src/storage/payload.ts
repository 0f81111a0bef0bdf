import { basename } from 'node:path';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from './file-system.ts';
import { systemErrorCode } from './storage-error.ts';

/** The files of a volume, by name. */
export type Payload = ReadonlyMap<string, Buffer>;

/** Name and maximum size of a file to read. */
export interface PayloadFileRequest {
  readonly name: string;
  readonly maxBytes: number;
}

/** The symbolic link to the current payload directory; replacing it swaps all files atomically. */
export const currentLink = '..data';

/**
 * Name of the current payload directory; undefined if there is none, or if `..data` does not link into the same
 * directory.
 */
export function currentPayloadName(files: FileSystem, directory: string): string | undefined {
  const link = `${directory}/${currentLink}`;
  // Checked first: a new volume has none, and an error with its stack trace costs ten times as much as this call.
  if (files.lstatSync(link, { throwIfNoEntry: false }) === undefined) return undefined;
  const name = linkTarget(files, link);
  // Another driver may have written the directory (take-over), so a link must not lead out of it.
  return name !== undefined && /^\.\.[^/]+$/.test(name) && name !== currentLink ? name : undefined;
}

/** The target of a symbolic link; undefined if it is missing or not a link. */
export function linkTarget(files: FileSystem, path: string): string | undefined {
  try {
    return files.readlinkSync(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** The current files of a data directory, all of one write; empty before the first write. */
export function readPayload(files: FileSystem, directory: string): Payload {
  const name = currentPayloadName(files, directory);
  return name === undefined ? new Map() : readPayloadDirectory(files, `${directory}/${name}`);
}

/**
 * Reads one of the current files of a data directory and opens no other; undefined if it does not exist.
 * @throws CertfleetError failed-precondition if it is larger than `maxBytes`
 */
export function readPayloadFile(
  files: FileSystem,
  directory: string,
  { name, maxBytes }: PayloadFileRequest,
): Buffer | undefined {
  const payloadName = currentPayloadName(files, directory);
  // A payload has only plain file names.
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

/** The plain files of a payload directory; empty if it does not exist. */
export function readPayloadDirectory(files: FileSystem, path: string): Payload {
  try {
    // Only plain files are opened: a FIFO could block and a link could lead elsewhere.
    const names = files.readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
    return new Map(names.map(({ name }) => [name, files.readFileSync(`${path}/${name}`)]));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return new Map();
    throw error;
  }
}
