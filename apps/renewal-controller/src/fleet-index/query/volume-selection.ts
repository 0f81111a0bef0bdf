import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { volumeFilter } from './volume-filter.ts';
import type { VolumeCriterion } from './volume-filter.ts';
import { volumeKey } from '../model/volume-key.ts';
import type { VolumeKey } from '../model/volume-key.ts';
import { issuerKey } from '../model/indexed-volume.ts';
import type { IssuerName } from '../model/indexed-volume.ts';

/** Selects volumes that meet all given criteria; without criteria, every volume. */
export interface VolumeSelection {
  readonly node?: string;
  readonly volumeId?: string;
  readonly namespace?: string;
  readonly pod?: string;
  readonly labelSelector?: string;
  /** The pods that matched a label selector. */
  readonly podUids?: readonly string[];
  readonly issuer?: IssuerName;
  /** Volumes whose certificate was issued before this time, in milliseconds since the epoch. */
  readonly issuedBeforeMs?: number;
  /** Volumes whose CA file contains the certificate with this SHA-256, in lower-case hexadecimal. */
  readonly caFingerprint?: string;
  /** The filter of the table of volumes. */
  readonly query?: VolumeFilter;
  /** Only these volumes. */
  readonly volumes?: readonly VolumeKey[];
}

/** Compiles a selection once for many volumes. */
export function selectionCriterion(selection: VolumeSelection): VolumeCriterion {
  const { node, volumeId, namespace, pod, podUids, issuer, issuedBeforeMs, caFingerprint, query, volumes } = selection;
  const filter = { node, volumeId, namespace, pod, caFingerprint, issuer: issuer && issuerKey(issuer) };
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  const criteria = [volumeFilter(Object.fromEntries(given)), volumeFilter(query ?? {})];
  if (podUids !== undefined) {
    const uids = new Set(podUids);
    criteria.push(({ podUid }) => uids.has(podUid));
  }
  if (issuedBeforeMs !== undefined)
    criteria.push(({ certificate }) => certificate !== undefined && certificate.issuedAtMs < issuedBeforeMs);
  if (volumes !== undefined) {
    const keys = new Set(volumes.map(volumeKey));
    criteria.push((volume) => keys.has(volumeKey(volume)));
  }
  return (volume, status) => criteria.every((matches) => matches(volume, status));
}

const maxNamed = 20;

/** The chosen volumes, so that the audit log says which they were. */
function namedVolumes(volumes: readonly VolumeKey[]): string {
  const names = volumes.slice(0, maxNamed).map(volumeKey).join(',');
  const more = volumes.length - maxNamed;
  return more > 0 ? `${names} and ${more} more` : names;
}

/** A readable description of a selection, such as `namespace=shop state=failing`. */
export function describeSelection(selection: VolumeSelection): string {
  const { node, volumeId, namespace, pod, labelSelector, caFingerprint } = selection;
  const { issuer, issuedBeforeMs, query, volumes } = selection;
  const criteria = {
    ...{ node, volumeId, namespace, pod, labelSelector, caFingerprint },
    ...(issuer && { issuer: issuerKey(issuer) }),
    ...(issuedBeforeMs !== undefined && { issuedBefore: new Date(issuedBeforeMs).toISOString() }),
    ...query,
    ...(volumes && { volumes: namedVolumes(volumes) }),
  };
  const given = Object.entries(criteria).filter(([, value]) => value !== undefined);
  const parts = given.map(([name, value]) => `${name}=${value}`);
  return parts.length === 0 ? 'everything' : parts.join(' ');
}
