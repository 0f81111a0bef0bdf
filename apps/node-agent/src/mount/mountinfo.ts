import { readFileSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), unescaped. */
export interface Mount {
  readonly id: number;
  /** Id of the parent mount; at the root, its own id or one outside of the list. */
  readonly parentId: number;
  /** `major:minor` of the file system: the same for all mounts of one tmpfs. */
  readonly device: string;
  /** The directory of the file system that is visible at the mount point; ends in `//deleted` if it was removed. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** Propagation, such as `shared:25` or `master:1`; empty for a private mount. */
  readonly propagation: readonly string[];
  readonly fileSystem: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** The mounts that this process sees. Costs a few µs per mount: use it at start-up, not per volume. */
export function readMountinfo(): Mount[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/**
 * Parses a text in the format of /proc/self/mountinfo.
 * @throws CertfleetError internal if a line has another format
 */
export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

/**
 * `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda rw`: six fixed fields, any number of optional ones, a
 * single hyphen, three more. The source may be empty.
 */
function parseLine(line: string): Mount {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [id, parentId, device, root, mountPoint, options] = fields;
  const [fileSystem, source, superOptions] = fields.slice(separator + 1);
  if (separator < 0 || root === undefined || mountPoint === undefined || superOptions === undefined) {
    throw new CertfleetError('internal', `expected a line of mountinfo, found ${JSON.stringify(line)}`);
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    device: device ?? '',
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: (options ?? '').split(','),
    propagation: fields.slice(6, separator),
    fileSystem: unescapeOctal(fileSystem ?? ''),
    source: unescapeOctal(source ?? ''),
    superOptions: superOptions.split(','),
  };
}

/** The kernel writes space, tab, newline, backslash and number sign as a backslash and three octal digits. */
function unescapeOctal(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
