import { realpathSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** The error for a target whose directory this container does not see. */
export function invisibleTarget(targetPath: string, kubeletRoot: string): CertfleetError {
  return new CertfleetError(
    'failed-precondition',
    `expected the directory of ${targetPath} in the agent's container, found none: the kubelet's root directory is not ` +
      `${kubeletRoot} (chart: app.kubeletRootDir), or is mounted without mountPropagation: Bidirectional`,
    { reason: 'MountNotShared' },
  );
}

/** @throws CertfleetError failed-precondition if the container has no such directory */
export function resolvedKubeletRoot(kubeletRoot: string): string {
  try {
    return realpathSync(kubeletRoot);
  } catch (cause) {
    throw new CertfleetError(
      'failed-precondition',
      `expected the kubelet's directory of pods at ${kubeletRoot}, found none: set the chart's app.kubeletRootDir ` +
        "(--kubelet-root-dir) to the kubelet's root directory (--root-dir), mounted here at the same path",
      { reason: 'MountNotShared', cause },
    );
  }
}
