import { join } from 'node:path';
import { systemFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { parseUpstreamMetadata, withNextIssuance } from './upstream-metadata.ts';
import { replaceFile } from './replace-file.ts';
import { isInMemory } from './tmpfs-guard.ts';
import { ownLayout } from './volume-layout.ts';
import type { VolumeLayout } from './volume-layout.ts';
import type { VolumeRecord } from './volume-record.ts';

/** Directory of csi-driver's tmpfs in its data directory. */
export const upstreamRoot = 'inmemfs';
/** File of csi-driver's record in a volume's directory. */
export const upstreamMetadataFile = 'metadata.json';

/**
 * Layout of the volumes that cert-manager's csi-driver left mounted in its data directory. Record and secrets are
 * stored next to its metadata.json. Undefined if there is nothing to take over: csi-driver never ran here, or the node
 * has restarted and its tmpfs is gone. A directory on a disk is never written to. If an agent handed its own tmpfs over
 * before, csi-driver's directory is that tmpfs, and the volumes of both have the agent's layout.
 */
export function findUpstreamLayout(
  upstreamDirectory: string,
  ownRoot: string,
  files: FileSystem = systemFiles,
): VolumeLayout | undefined {
  const root = join(upstreamDirectory, upstreamRoot);
  if (!files.existsSync(root) || !isInMemory(files, root)) return undefined;
  const shared = { exclusive: false, recordWritten: keepUpstreamMetadata };
  if (isSameDirectory(files, root, ownRoot)) return Object.freeze({ ...ownLayout(ownRoot), ...shared });
  return Object.freeze({
    root,
    recordFile: 'certfleet.json',
    secretsFile: 'certfleet-secret.json',
    ...shared,
  });
}

/** Whether both paths show one directory, for example by a bind mount. */
function isSameDirectory(files: FileSystem, path: string, other: string): boolean {
  if (!files.existsSync(other)) return false;
  const [a, b] = [files.lstatSync(path), files.lstatSync(other)];
  return a.dev === b.dev && a.ino === b.ino;
}

/**
 * Updates csi-driver's next issuance time after each renewal, so that a roll-back finds every volume as if csi-driver
 * had renewed it, and does not renew all of them at once. A file that csi-driver itself could not read is left
 * unchanged.
 */
function keepUpstreamMetadata(files: FileSystem, directory: string, record: VolumeRecord): void {
  const path = join(directory, upstreamMetadataFile);
  const renewAt = record.issued?.renewAt;
  if (renewAt === undefined || !files.existsSync(path) || !files.lstatSync(path).isFile()) return;
  const text = files.readFileSync(path, 'utf8');
  try {
    if (parseUpstreamMetadata(text).nextIssuanceTime?.getTime() === renewAt.getTime()) return;
  } catch {
    return;
  }
  replaceFile(files, directory, upstreamMetadataFile, withNextIssuance(text, renewAt));
}
