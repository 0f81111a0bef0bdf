import { systemFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { attemptCleanup, replaceFile } from './replace-file.ts';
import { upstreamContext } from './secret-attributes.ts';
import { upstreamMetadataFile } from './upstream-layout.ts';
import { encodeUpstreamMetadata } from './upstream-metadata.ts';
import { ownLayout } from './volume-layout.ts';
import type { VolumeLayout } from './volume-layout.ts';
import type { VolumeRecord } from './volume-record.ts';
import { readVolumeSecrets } from './volume-secrets-file.ts';

/**
 * The agent's layout with csi-driver's metadata next to each record, so that csi-driver can continue the volumes when it
 * finds this root as its own. Unlike the record, the metadata contains passwords, because csi-driver reads them there.
 */
export function handOverLayout(root: string): VolumeLayout {
  const own = ownLayout(root);
  return Object.freeze({
    ...own,
    recordWritten: (files: FileSystem, directory: string, record: VolumeRecord) => {
      const secrets = readVolumeSecrets(files, directory, own.secretsFile);
      const metadata = encodeUpstreamMetadata(record, upstreamContext(record.attributes, secrets));
      replaceFile(files, directory, upstreamMetadataFile, metadata);
    },
  });
}

/**
 * Deletes the metadata that an earlier hand-over left next to the agent's records: it is not kept up to date.
 * @returns whether csi-driver has no volume of its own below the root
 */
export function deleteHandOver(root: string, files: FileSystem = systemFiles): boolean {
  const { recordFile } = ownLayout(root);
  let isOwnOnly = true;
  for (const name of files.readdirSync(root)) {
    const metadata = `${root}/${name}/${upstreamMetadataFile}`;
    if (!files.existsSync(metadata)) continue;
    if (files.existsSync(`${root}/${name}/${recordFile}`)) attemptCleanup(() => files.unlinkSync(metadata));
    // Without a record of the agent it is a volume of csi-driver, which a take-over can adopt.
    else isOwnOnly = false;
  }
  return isOwnOnly;
}
