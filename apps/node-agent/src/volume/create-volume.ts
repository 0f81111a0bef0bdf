import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mounter } from '../mount/mounter.ts';
import { splitSecrets } from '../storage/secret-attributes.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import type { ParseVolume } from './parse-volume.ts';
import { restoreVolume } from './restore-volumes.ts';
import { Volume } from './volume.ts';
import type { VolumeParts } from './volume-parts.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { PublishRequest } from './volume-requests.ts';

export interface CreateVolumeParts {
  readonly store: VolumeStore;
  readonly mounter: Mounter;
  readonly parts: VolumeParts;
  readonly parseVolume: ParseVolume;
  readonly reporter: Pick<VolumeReporter, 'attributeWarnings'>;
  readonly clock: Clock;
}

/**
 * Restores the volume from its files, or creates it.
 * @param add adds it to the node's volumes
 * @throws CertfleetError as VolumeStore.create does, or if the record of a mounted volume is damaged
 */
export async function createOrRestoreVolume(
  { store, parseVolume, clock, reporter, mounter, parts }: CreateVolumeParts,
  request: PublishRequest,
  add: (volume: Volume) => void,
): Promise<Volume> {
  const { volumeId, targetPath, volumeMountGroup, serviceAccountTokens } = request;
  if (store.has(volumeId)) {
    const left = restoreVolume(volumeId, { parts, parseVolume });
    if (left !== undefined) {
      add(left);
      left.activate();
      return left;
    }
    // Its record is damaged. A volume that no pod uses may be replaced.
    if (await mounter.isMounted(targetPath)) {
      const message = `volume ${volumeId} is mounted at ${targetPath} and its record cannot be read; delete the pod to replace it`;
      throw new CertfleetError('unavailable', message, { reason: 'MountFailed' });
    }
    store.remove(volumeId);
  }
  const spec = parseVolume(request);
  const { attributes, secrets } = splitSecrets(request.attributes, request.secretData);
  const createdAt = new Date(clock.now());
  const volume = Volume.create(parts, {
    spec,
    record: { volumeId, targetPath, attributes, volumeMountGroup, createdAt, phase: 'created', generation: 0 },
    secrets: { ...secrets, serviceAccountTokens },
  });
  add(volume);
  reporter.attributeWarnings(volume);
  return volume;
}
