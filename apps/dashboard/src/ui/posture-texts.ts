import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { format, t } from '../messages/messages.ts';
import { shortDuration } from '../time/relative-time.ts';

type Properties = Pick<VolumeRow, 'keyType' | 'posture' | 'lifetimeSeconds'>;

/** The key of a certificate, such as `RSA 2048` or `ECDSA P-256`. */
export function keyText({ keyType, posture }: Properties): string {
  const size = posture?.keyBits ?? posture?.curve ?? '';
  return keyType === 'ed25519' || size === '' ? keyType.toUpperCase() : `${keyType.toUpperCase()} ${size}`;
}

/** The granted lifetime, and the requested one if it differs by more than a minute. */
export function lifetimeText({ lifetimeSeconds, posture }: Properties): string {
  if (lifetimeSeconds === undefined) return '';
  const requested = posture?.requestedSeconds;
  const granted = shortDuration(lifetimeSeconds * 1000);
  if (requested === undefined || Math.abs(requested - lifetimeSeconds) <= 60) return granted;
  return t.volumes.requestedLifetime({ granted, requested: shortDuration(requested * 1000) });
}

/** Labels of a pod, such as `team=payments`. */
export function labelsText(labels: NonNullable<VolumeRow['labels']>): string {
  return format.list(Object.entries(labels).map(([key, value]) => `${key}=${value}`));
}
