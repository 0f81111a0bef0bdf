import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mounter } from '../mount/mounter.ts';
import { splitSecrets } from '../storage/secret-attributes.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import type { ParseVolume } from './parse-volume.ts';
import type { ReadPodVariables } from './pod-variable-reader.ts';
import { restoreVolume } from './restore-volumes.ts';
import { Volume } from './volume.ts';
import type { VolumeParts } from './volume-parts.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { VolumeRecord } from '../storage/volume-record.ts';
import type { PublishRequest } from './volume-requests.ts';

export interface CreateVolumeParts {
  readonly store: VolumeStore;
  readonly mounter: Mounter;
  readonly parts: VolumeParts;
  readonly parseVolume: ParseVolume;
  /** Undefined if the agent does not read pods; no attribute can use their variables then. */
  readonly readPodVariables?: ReadPodVariables | undefined;
  readonly reporter: Pick<VolumeReporter, 'attributeWarnings'>;
  readonly clock: Clock;
}

/** A publish that finds no volume in memory. */
interface NewPublish {
  readonly request: PublishRequest;
  /** Aborted when the result is no longer needed. */
  readonly signal: AbortSignal;
  /** Adds the volume to the node's. */
  readonly add: (volume: Volume) => void;
}

/**
 * Restores the volume from its files, or creates it.
 * @throws CertfleetError as VolumeStore.create does, as the reader of variables does, or if the record of a mounted
 * volume is damaged
 */
export async function createOrRestoreVolume(
  options: CreateVolumeParts,
  { request, signal, add }: NewPublish,
): Promise<Volume> {
  const { store, parseVolume, clock, reporter, mounter, parts } = options;
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
  const { spec, podValues } = await parseNew(options, request, signal);
  const { attributes, secrets } = splitSecrets(request.attributes, request.secretData);
  const createdAt = new Date(clock.now());
  const volume = Volume.create(parts, {
    spec,
    record: {
      volumeId,
      targetPath,
      attributes,
      volumeMountGroup,
      podValues,
      createdAt,
      phase: 'created',
      generation: 0,
    },
    secrets: { ...secrets, serviceAccountTokens },
  });
  add(volume);
  reporter.attributeWarnings(volume);
  return volume;
}

/** Reads the pod only if attributes use its variables, and only after all other problems have been reported. */
async function parseNew(
  { parseVolume, readPodVariables }: CreateVolumeParts,
  request: PublishRequest,
  signal: AbortSignal,
): Promise<{ readonly spec: VolumeSpec; readonly podValues: VolumeRecord['podValues'] }> {
  const draft = parseVolume(request);
  if (readPodVariables === undefined || draft.podVariables.unknown.length === 0) {
    return { spec: draft, podValues: undefined };
  }
  const { values, problems } = await readPodVariables(draft, signal);
  return { spec: parseVolume({ ...request, podValues: values, podReasons: problems }), podValues: values };
}
