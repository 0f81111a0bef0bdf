import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { NodePublishVolumeRequest, NodeUnpublishVolumeRequest } from '../../../apps/node-agent/gen/csi/v1/csi.ts';

/** The fake's options, as JSON. */
export interface FakeDriverOptions {
  readonly nodeName: string;
  /** The driver's data directory; its tmpfs is `inmemfs` in it. */
  readonly dataRoot: string;
  /**
   * Contains a directory for each common name that a volume may request, with the volume's files and `next-issuance`.
   */
  readonly certificates: string;
}

const fileNames = ['tls.crt', 'tls.key', 'ca.crt'];

const mount = (...args: string[]): void => void execFileSync('mount', args);

/** Mounts the tmpfs of the volumes. */
export function mountMemory(dataRoot: string): void {
  const root = join(dataRoot, 'inmemfs');
  mkdirSync(root, { recursive: true });
  mount('-t', 'tmpfs', 'tmpfs', root);
}

/** Creates the volume and binds it read-only to its target. */
export function publishVolume({ dataRoot, certificates }: FakeDriverOptions, request: NodePublishVolumeRequest): void {
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

/** Removes the volume. */
export function unpublishVolume({ dataRoot }: FakeDriverOptions, request: NodeUnpublishVolumeRequest): void {
  execFileSync('umount', [request.targetPath]);
  rmSync(request.targetPath, { recursive: true });
  rmSync(join(dataRoot, 'inmemfs', request.volumeId), { recursive: true });
}
