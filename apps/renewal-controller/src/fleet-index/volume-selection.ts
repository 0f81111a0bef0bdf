import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { volumeFilter } from './volume-filter.ts';
import type { VolumeCriterion } from './volume-filter.ts';
import { volumeKey } from './volume-key.ts';
import type { VolumeKey } from './volume-key.ts';
import { issuerKey } from './indexed-volume.ts';
import type { IssuerName } from './indexed-volume.ts';

/** Which volumes are meant; every criterion that is given must hold. None at all means every volume. */
export interface VolumeSelection {
  readonly node?: string;
  readonly volumeId?: string;
  readonly namespace?: string;
  readonly pod?: string;
  readonly labelSelector?: string;
  /** What the label selector of pods came to. */
  readonly podUids?: readonly string[];
  readonly issuer?: IssuerName;
  /** Volumes whose certificate was issued before this time, in milliseconds since the epoch. */
  readonly issuedBeforeMs?: number;
  /** Volumes whose CA file holds the certificate with this SHA-256, in lower-case hexadecimal. */
  readonly caFingerprint?: string;
  /** What the table of volumes would show. */
  readonly query?: VolumeFilter;
  /** These alone. */
  readonly volumes?: readonly VolumeKey[];
}

/** A selection as a function, with what can be prepared done once. */
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
    const places = new Set(volumes.map(volumeKey));
    criteria.push((volume) => places.has(volumeKey(volume)));
  }
  return (volume, word) => criteria.every((holds) => holds(volume, word));
}

/** A selection for people to read, such as `namespace=shop state=failing`. */
export function describeSelection(selection: VolumeSelection): string {
  const { node, volumeId, namespace, pod, labelSelector, caFingerprint } = selection;
  const { issuer, issuedBeforeMs, query, volumes } = selection;
  const criteria = {
    ...{ node, volumeId, namespace, pod, labelSelector, caFingerprint },
    ...(issuer && { issuer: issuerKey(issuer) }),
    ...(issuedBeforeMs !== undefined && { issuedBefore: new Date(issuedBeforeMs).toISOString() }),
    ...query,
    ...(volumes && { volumes: volumes.length === 1 ? volumes.map(volumeKey).join('') : `${volumes.length} chosen` }),
  };
  const given = Object.entries(criteria).filter(([, value]) => value !== undefined);
  const words = given.map(([name, value]) => `${name}=${value}`);
  return words.length === 0 ? 'everything' : words.join(' ');
}
