import { join } from 'node:path';
import { systemFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { parseUpstreamMetadata, withNextIssuance } from './upstream-metadata.ts';
import { replaceFile } from './replace-file.ts';
import { isInMemory } from './tmpfs-guard.ts';
import type { VolumeLayout } from './volume-layout.ts';
import type { VolumeRecord } from './volume-record.ts';

/** File of the peer's own record in a volume's directory. */
export const upstreamMetadataFile = 'metadata.json';

/**
 * The volumes that cert-manager's csi-driver left mounted, in the data directory that it was given. Our record and secrets lie
 * beside its metadata.json. Undefined when nothing is to be taken over: it never ran here, or the node restarted since
 * and its tmpfs is gone; what stands on a disk in its place is never written to.
 */
export function findUpstreamLayout(
  upstreamDirectory: string,
  files: FileSystem = systemFiles,
): VolumeLayout | undefined {
  const root = join(upstreamDirectory, 'inmemfs');
  if (!files.existsSync(root) || !isInMemory(files, root)) return undefined;
  return Object.freeze({
    root,
    recordFile: 'certfleet.json',
    secretsFile: 'certfleet-secret.json',
    exclusive: false,
    recordWritten: keepUpstreamMetadata,
  });
}

/**
 * Keeps the peer's next issuance in step with our renewals, so that a roll-back finds every volume as if the peer had
 * renewed it and does not issue all of them anew at once. A file that the peer itself could not read is left as it is.
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
