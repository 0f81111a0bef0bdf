import { randomInt } from 'node:crypto';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from './file-system.ts';
import { currentLink, currentPayloadName, linkTarget, readPayloadDirectory } from './payload.ts';
import type { Payload } from './payload.ts';
import { attemptCleanup, writeNewFile } from './replace-file.ts';

/** The modes that csi-driver uses. */
export const defaultFileMode = 0o440;
const directoryMode = 0o550;

/** Who may read the files of a payload. */
export interface PayloadAccess {
  /** Owner of the files; the agent's user (root) by default. */
  readonly uid?: number | undefined;
  /** Group of the files; root's by default. */
  readonly gid?: number | undefined;
  /** Permission bits of a file, at most 0777; 0440 by default. */
  readonly modeOf?: ((name: string) => number) | undefined;
}

/** Destination and ownership of a payload. */
export interface PayloadTarget extends PayloadAccess {
  /** The data directory, which is bind-mounted into the pod. */
  readonly directory: string;
  /** The time in the payload directory's name. */
  readonly now: Date;
}

/**
 * Writes a volume's files in the layout of the kubelet's atomic writer: a new directory `..<time>.<random>`, the link
 * `..data` renamed over the old one, links `name -> ..data/name`, then the old directory is removed. Readers see either
 * all old or all new files. A crash at any step leaves one of the two, and the next write cleans up, even if the files
 * are the same.
 *
 * The rename of `..data` is the commit: an error before it leaves the old files, an error after it the new ones,
 * possibly without the link of a new name; `completePayload` adds it.
 * @returns whether the files differ from the previous ones
 */
export function writePayload(files: FileSystem, target: PayloadTarget, payload: Payload): boolean {
  for (const name of payload.keys()) assertFileName(name);
  const { directory } = target;
  const permissions = permissionsOf(target);
  permitDirectory(files, directory, payload, permissions);
  const before = currentPayloadName(files, directory);
  if (before !== undefined && isWritten(files, `${directory}/${before}`, payload, permissions)) {
    linkFiles(files, directory, payload.keys());
    removeUnused(files, directory, before, payload);
    return false;
  }
  // A partial write that could not be removed would take the space of every later one.
  attemptCleanup(() => removeDirectories(files, directory, before));
  const name = payloadName(target.now);
  try {
    createPayloadDirectory(files, `${directory}/${name}`, payload, permissions);
    replaceLink(files, directory, currentLink, name);
  } catch (error) {
    // Frees the space of a partial write, which a full tmpfs needs.
    attemptCleanup(() => files.rmSync(`${directory}/${name}`, { recursive: true, force: true }));
    throw error;
  }
  linkFiles(files, directory, payload.keys());
  removeUnused(files, directory, name, payload);
  return true;
}

/**
 * Links every file of the current payload that has no link yet, for example after a write that failed after its rename.
 */
export function completePayload(files: FileSystem, directory: string): void {
  const current = currentPayloadName(files, directory);
  if (current !== undefined) linkFiles(files, directory, files.readdirSync(`${directory}/${current}`));
}

type Permissions = Required<PayloadAccess> & { readonly gid: number; readonly modeOf: (name: string) => number };

function permissionsOf({ uid, gid = 0, modeOf = () => defaultFileMode }: PayloadAccess): Permissions {
  return { uid, gid, modeOf };
}

/** The system's value for an owner that stays the same. */
const sameOwner = -1;

/**
 * Lets the same users into the data directory as read the files. The mode comes first: the agent has no capability to
 * change it (CAP_FOWNER) once the directory has another owner.
 */
function permitDirectory(
  files: FileSystem,
  directory: string,
  payload: Payload,
  { uid, gid, modeOf }: Permissions,
): void {
  const isForOthers = [...payload.keys()].some((name) => (modeOf(name) & 0o007) !== 0);
  const mode = isForOthers ? directoryMode | 0o005 : directoryMode;
  const status = files.lstatSync(directory);
  if ((status.mode & 0o7777) !== mode) files.chmodSync(directory, mode);
  const isOwned = uid === undefined || status.uid === uid;
  if (!isOwned || status.gid !== gid) files.chownSync(directory, uid ?? sameOwner, gid);
}

function createPayloadDirectory(files: FileSystem, path: string, payload: Payload, permissions: Permissions): void {
  const { uid, gid, modeOf } = permissions;
  files.mkdirSync(path);
  for (const [name, content] of payload) {
    writeNewFile(files, `${path}/${name}`, (descriptor) => {
      files.writeFileSync(descriptor, content);
      files.fchmodSync(descriptor, modeOf(name));
      files.fchownSync(descriptor, uid ?? sameOwner, gid);
    });
  }
  // Explicit, because the umask restricts the mode of mkdir.
  files.chmodSync(path, 0o755);
}

/** Links each file. Called after the swap, so that pods never see a dangling link. */
function linkFiles(files: FileSystem, directory: string, names: Iterable<string>): void {
  const entries = new Set(files.readdirSync(directory));
  for (const name of names) {
    const path = `${directory}/${name}`;
    const target = `${currentLink}/${name}`;
    if (!entries.has(name)) files.symlinkSync(target, path);
    else if (linkTarget(files, path) !== target) replaceLink(files, directory, name, target);
  }
}

/** Removes files that the current payload does not use. The next write removes what cannot be removed now. */
function removeUnused(files: FileSystem, directory: string, current: string, payload: Payload): void {
  attemptCleanup(() => {
    for (const name of removeDirectories(files, directory, current)) {
      const path = `${directory}/${name}`;
      if (!payload.has(name) && linkTarget(files, path) === `${currentLink}/${name}`) files.unlinkSync(path);
    }
  });
}

/** Removes all payload directories and temporary links except the current ones. @returns the names of other entries */
function removeDirectories(files: FileSystem, directory: string, current: string | undefined): readonly string[] {
  const entries = files.readdirSync(directory).filter((name) => name !== currentLink && name !== current);
  for (const name of entries)
    if (name.startsWith('..')) files.rmSync(`${directory}/${name}`, { recursive: true, force: true });
  return entries.filter((name) => !name.startsWith('..'));
}

/** Creates a symbolic link, replacing any link or file of that name. */
function replaceLink(files: FileSystem, directory: string, name: string, target: string): void {
  const temporary = `${directory}/..link-${randomInt(2 ** 32)}`;
  files.symlinkSync(target, temporary);
  files.renameSync(temporary, `${directory}/${name}`);
}

/** Whether a payload directory contains exactly these files with the right owner, group and mode. */
function isWritten(files: FileSystem, path: string, payload: Payload, permissions: Permissions): boolean {
  const { uid, gid, modeOf } = permissions;
  const written = readPayloadDirectory(files, path);
  if (written.size !== payload.size) return false;
  return [...payload].every(([name, content]) => {
    if (written.get(name)?.equals(content) !== true) return false;
    const status = files.lstatSync(`${path}/${name}`);
    const isOwned = uid === undefined || status.uid === uid;
    return isOwned && status.gid === gid && (status.mode & 0o7777) === modeOf(name);
  });
}

/** For example `..2026_11_24_02_22_15.3413110033`, in UTC. */
function payloadName(now: Date): string {
  const time = now.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '_');
  return `..${time}.${randomInt(2 ** 32)}`;
}

/** Names were validated with the attributes; this is a second check before they become part of a path. */
function assertFileName(name: string): void {
  if (name !== '' && name !== '.' && !name.startsWith('..') && !/[/\0]/.test(name)) return;
  throw new CertfleetError('invalid-argument', `expected a plain file name, found ${JSON.stringify(name)}`);
}
