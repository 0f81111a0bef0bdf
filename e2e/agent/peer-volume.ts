import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import type { NodePublishVolumeRequest, NodeUnpublishVolumeRequest } from '../../apps/node-agent/gen/csi/v1/csi.ts';

/** Of a driver that keeps volumes as csi-driver does. */
interface PeerOptions {
  /** The driver's data directory; its tmpfs is `inmemfs` in it. */
  readonly dataRoot: string;
  /**
   * Contains a directory for each common name that a volume may request, with the volume's files and `next-issuance`.
   */
  readonly certificates: string;
}

const fileNames = ['tls.crt', 'tls.key', 'ca.crt'];

const mount = (...args: string[]): void => void execFileSync('mount', args);

/** Creates the volume and binds it read-only to its target. */
export function publishVolume({ dataRoot, certificates }: PeerOptions, request: NodePublishVolumeRequest): void {
  const { volumeId, targetPath, volumeContext, volumeCapability } = request;
  const volumeMountGroup = volumeCapability?.mount?.volumeMountGroup ?? '';
  const source = join(certificates, volumeContext['csi.cert-manager.io/common-name'] ?? '');
  const directory = join(dataRoot, 'inmemfs', volumeId);
  const data = join(directory, 'data');
  mkdirSync(data, { recursive: true });
  const payload = `..${new Date().toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_')}.3413110033`;
  mkdirSync(join(data, payload), { mode: 0o755 });
  for (const name of fileNames) {
    const path = join(data, payload, name);
    writeFileSync(path, readFileSync(join(source, name)));
    chmodSync(path, 0o440);
    if (volumeMountGroup !== '') chownSync(path, 0, Number(volumeMountGroup));
    symlinkSync(join('..data', name), join(data, name));
  }
  symlinkSync(payload, join(data, '..data'));
  const metadata = {
    volumeID: volumeId,
    targetPath,
    nextIssuanceTime: readFileSync(join(source, 'next-issuance'), 'utf8'),
    volumeContext,
    volumeMountGroup,
  };
  writeFileSync(join(directory, 'metadata.json'), JSON.stringify(metadata), { mode: 0o600 });
  chmodSync(data, 0o550);
  chmodSync(directory, 0o644);
  mkdirSync(targetPath, { recursive: true });
  mount('--bind', data, targetPath);
  mount('-o', 'remount,bind,ro', targetPath);
}

/** The fields of metadata.json that the driver needs to continue a volume. */
interface VolumeMetadata {
  readonly volumeID: string;
  readonly targetPath: string;
  readonly nextIssuanceTime?: string;
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly volumeMountGroup?: string;
}

/** What the driver finds at its start: it deletes every entry without metadata. */
export function continuedVolumes(dataRoot: string): readonly VolumeMetadata[] {
  const root = join(dataRoot, 'inmemfs');
  return readdirSync(root)
    .sort()
    .flatMap((name) => {
      const metadata = join(root, name, 'metadata.json');
      if (existsSync(metadata)) return JSON.parse(readFileSync(metadata, 'utf8')) as VolumeMetadata;
      rmSync(join(root, name), { recursive: true });
      return [];
    });
}

/** Replaces the files of a volume with those of a prepared certificate, by one rename; other files disappear. */
export function renewVolume(dataRoot: string, { volumeID, volumeMountGroup }: VolumeMetadata, source: string): void {
  const data = join(dataRoot, 'inmemfs', volumeID, 'data');
  const earlier = readlinkSync(join(data, '..data'));
  const payload = `${earlier.slice(0, -1)}-renewed`;
  mkdirSync(join(data, payload), { mode: 0o755 });
  for (const name of fileNames) {
    const path = join(data, payload, name);
    writeFileSync(path, readFileSync(join(source, name)), { mode: 0o440 });
    if (volumeMountGroup !== undefined) chownSync(path, 0, Number(volumeMountGroup));
  }
  symlinkSync(payload, join(data, '..data_tmp'));
  renameSync(join(data, '..data_tmp'), join(data, '..data'));
  for (const name of readdirSync(data)) {
    const isLink = !name.startsWith('..') && lstatSync(join(data, name)).isSymbolicLink();
    if (isLink && !fileNames.includes(name)) rmSync(join(data, name));
  }
  rmSync(join(data, earlier), { recursive: true });
}

/** Removes the volume. */
export function unpublishVolume({ dataRoot }: PeerOptions, request: NodeUnpublishVolumeRequest): void {
  execFileSync('umount', [request.targetPath]);
  rmSync(request.targetPath, { recursive: true });
  rmSync(join(dataRoot, 'inmemfs', request.volumeId), { recursive: true });
}
