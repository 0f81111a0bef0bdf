import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from './file-system.ts';

/** Magic numbers of statfs(2), linux/magic.h. */
const memoryFileSystems: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Whether a directory is on a tmpfs or ramfs. */
export function isInMemory(files: Pick<FileSystem, 'statfsSync'>, path: string): boolean {
  return memoryFileSystems.has(files.statfsSync(path).type);
}

/**
 * Ensures that private keys never reach a disk.
 * @throws CertfleetError failed-precondition if the directory is not on a tmpfs or ramfs
 */
export function assertInMemory(files: Pick<FileSystem, 'statfsSync'>, path: string): void {
  if (isInMemory(files, path)) return;
  const type = files.statfsSync(path).type.toString(16);
  throw new CertfleetError(
    'failed-precondition',
    `expected ${path} on a tmpfs, found file system type 0x${type}: private keys must not reach a disk`,
    { reason: 'NotInMemory' },
  );
}

/** Fraction of bytes and inodes that new volumes may not use, so that existing volumes can be renewed. */
const reservedPart = 1 / 8;

/**
 * Ensures that a new volume leaves the reserve for renewals of other volumes.
 * @throws CertfleetError resource-exhausted, reason StorageFull
 */
export function assertRoomForNewVolume(files: Pick<FileSystem, 'statfsSync'>, root: string): void {
  const { freeBytes, sizeBytes, freeInodes, inodes } = tmpfsHeadroom(files, root);
  // A tmpfs without an inode limit reports 0.
  const isShortOfInodes = inodes > 0 && freeInodes < inodes * reservedPart;
  if (freeBytes >= sizeBytes * reservedPart && !isShortOfInodes) return;
  const left = isShortOfInodes ? `${freeInodes} of ${inodes} inodes` : `${freeBytes} of ${sizeBytes} bytes`;
  throw new CertfleetError(
    'resource-exhausted',
    `the tmpfs of the volumes has ${left} left, which are kept for renewals of running pods: raise the chart value ` +
      'app.driver.tmpfsSize',
    { reason: 'StorageFull' },
  );
}

/** Free space of a tmpfs. */
export interface TmpfsHeadroom {
  readonly freeBytes: number;
  readonly sizeBytes: number;
  readonly freeInodes: number;
  readonly inodes: number;
}

/** Bytes and inodes of the file system that contains the directory. */
export function tmpfsHeadroom(files: Pick<FileSystem, 'statfsSync'>, root: string): TmpfsHeadroom {
  const { bsize, blocks, bfree, files: inodes, ffree } = files.statfsSync(root);
  return { freeBytes: bsize * bfree, sizeBytes: bsize * blocks, freeInodes: ffree, inodes };
}
