import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mounter } from '../mount/mounter.ts';
import type { FileSystem } from '../storage/file-system.ts';
import { occupiedTarget } from './publish-errors.ts';
import { createTarget, removeTarget } from './target-directory.ts';
import type { Volume } from './volume.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { PublishRequest } from './volume-requests.ts';

export interface VolumeMountsOptions {
  /** For target directories. */
  readonly files: FileSystem;
  readonly mounter: Mounter;
  readonly reporter: Pick<VolumeReporter, 'mountFailed'>;
  readonly observeMount: (durationMs: number) => void;
}

/** Mounts volumes at the targets that the kubelet names. */
export class VolumeMounts {
  readonly #options: VolumeMountsOptions;

  constructor(options: VolumeMountsOptions) {
    this.#options = options;
  }

  /** Whether the volume is mounted at the target already; newer tokens are stored in this case. */
  async isPublished(
    volume: Volume | undefined,
    { volumeId, targetPath, serviceAccountTokens }: PublishRequest,
  ): Promise<boolean> {
    if (volume?.record.phase !== 'published' || volume.isRemoving) return false;
    const { mounter } = this.#options;
    const [source, presentTarget] = [volume.store.dataPath(volumeId), volume.record.targetPath];
    if (!(await mounter.shows(source, presentTarget))) return false;
    if (presentTarget !== targetPath && !(await mounter.shows(source, targetPath))) {
      const message = `volume ${volumeId} is published at ${presentTarget}, it cannot be published at ${targetPath} as well`;
      throw new CertfleetError('already-exists', message);
    }
    if (!volume.isMountConfirmed) await mounter.makeReadOnly(presentTarget);
    volume.isMountConfirmed = true;
    if (serviceAccountTokens !== undefined) volume.tokensChanged(serviceAccountTokens);
    return true;
  }

  /**
   * Mounts the volume at the target, read-only, unless it is mounted already.
   * @throws CertfleetError unavailable
   */
  async mount(volume: Volume, targetPath: string): Promise<void> {
    const { files, mounter, observeMount, reporter } = this.#options;
    const startedMs = performance.now();
    volume.unpublished.signal.throwIfAborted();
    // Before the mount: from now on only an unpublish removes the volume, whatever fails.
    volume.published(targetPath);
    try {
      const source = volume.store.dataPath(volume.volumeId);
      if (createTarget(files, targetPath) || !(await mounter.isMounted(targetPath))) {
        await mounter.bindReadOnly(source, targetPath);
      } else if (await mounter.shows(source, targetPath)) {
        // After a crash between the bind mount and the step that makes it read-only.
        await mounter.makeReadOnly(targetPath);
      } else {
        throw occupiedTarget(volume.volumeId, targetPath);
      }
      volume.isMountConfirmed = true;
    } catch (cause) {
      // Always unavailable: the certificate is valid, and the next attempt must find it instead of requesting another.
      const error = new CertfleetError('unavailable', asCertfleetError(cause).message, {
        reason: 'MountFailed',
        cause,
      });
      reporter.mountFailed(volume, error);
      throw error;
    }
    observeMount(performance.now() - startedMs);
  }

  /** Unmounts everything at the target and removes its directory. */
  async unmount(targetPath: string): Promise<void> {
    const { files, mounter } = this.#options;
    await mounter.unmount(targetPath);
    removeTarget(files, targetPath);
  }
}
