import { issuerKey } from './volume-state.ts';
import type { IssuerName, VolumeState } from './volume-state.ts';

/** Which volumes are meant; every criterion that is given must hold. None at all means every volume. */
export interface VolumeSelection {
  readonly node?: string;
  readonly volumeId?: string;
  readonly namespace?: string;
  readonly pod?: string;
  /** What a label selector of pods came to. */
  readonly podUids?: readonly string[];
  readonly issuer?: IssuerName;
  /** Volumes whose certificate was issued before this time, in milliseconds since the epoch. */
  readonly issuedBeforeMs?: number;
  /** Volumes whose CA file holds the certificate with this SHA-256, in lower-case hexadecimal. */
  readonly caFingerprint?: string;
}

/** A selection as a function, with what can be prepared done once. */
export function matcherOf(selection: VolumeSelection): (volume: VolumeState) => boolean {
  const { node, volumeId, namespace, pod, podUids, issuer, issuedBeforeMs, caFingerprint } = selection;
  const uids = podUids && new Set(podUids);
  const wantedIssuer = issuer && issuerKey(issuer);
  const equals: [keyof VolumeState, string | undefined][] = [
    ['node', node],
    ['volumeId', volumeId],
    ['namespace', namespace],
    ['pod', pod],
  ];
  const wanted = equals.filter(([, value]) => value !== undefined);
  const criteria: ((volume: VolumeState) => boolean)[] = wanted.map(
    ([field, value]) =>
      (volume) =>
        volume[field] === value,
  );
  if (uids !== undefined) criteria.push(({ podUid }) => uids.has(podUid));
  if (wantedIssuer !== undefined) criteria.push((volume) => issuerKey(volume.issuer) === wantedIssuer);
  if (issuedBeforeMs !== undefined)
    criteria.push(({ certificate }) => certificate !== undefined && certificate.issuedAtMs < issuedBeforeMs);
  if (caFingerprint !== undefined)
    criteria.push(({ certificate }) => certificate?.caFingerprints.includes(caFingerprint) ?? false);
  return (volume) => criteria.every((holds) => holds(volume));
}
