import type { VolumeSpec } from '../spec/volume-spec.ts';

/** Volumes with the same key share an issuer's slots. */
export function issuerKey({ issuer, pod }: VolumeSpec): string {
  return `${issuer.group}/${issuer.kind}/${pod.namespace}/${issuer.name}`;
}
