import { causeNames, keyTypeNames } from '@certfleet/fleet-model/report-terms.ts';
import type { ServedState, VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeDetail, VolumeRow } from '@certfleet/operator-api/volumes.ts';
import type { LaneWait } from '../../fleet-index/model/renewal-progress.ts';
import { issuerKey, trustedCaFingerprints } from '../../fleet-index/model/indexed-volume.ts';
import type { IndexedCertificate, IndexedFailure, IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';

export interface RowContext {
  readonly status: VolumeStatus;
  readonly wait: LaneWait | undefined;
  readonly laneId: string;
}

export function volumeRow(volume: IndexedVolume, { status, wait, laneId }: RowContext): VolumeRow {
  const { node, volumeId, namespace, pod, issuer, generation, certificate, failure } = volume;
  return {
    node,
    volumeId,
    namespace,
    pod,
    issuer: issuerKey(issuer),
    laneId,
    generation,
    state: status,
    ...(wait && { waiting: toWaitDto(wait) }),
    keyType: keyTypeNames[volume.keyType],
    ...(volume.workload !== undefined && { workload: volume.workload }),
    ...(volume.labels && { labels: toLabelsDto(volume.labels) }),
    ...toPostureDto(volume),
    cause: causeNames[volume.cause],
    attempts: failure?.attempts ?? 0,
    dnsNames: [],
    ...(certificate && toCertificateDto(certificate)),
    ...(failure && { failure: toFailureDto(failure) }),
    ...(volume.served && { served: toServedDto(volume.served, volume) }),
  };
}

/** The identity of a volume, without its history. */
export function volumeIdentity(volume: IndexedVolume): Omit<VolumeDetail, keyof VolumeRow | 'history'> {
  const { podUid, certificate } = volume;
  return {
    podUid,
    ...(certificate && { fingerprint: certificate.fingerprint }),
    caFingerprints: [...(certificate?.caFingerprints ?? [])],
    ...(volume.additionalCaFingerprints && { trustedCaFingerprints: [...trustedCaFingerprints(volume)] }),
    uris: [...(certificate?.uris ?? [])],
    ipAddresses: [...(certificate?.ipAddresses ?? [])],
  };
}

/** RFC 3339 has years of four digits, as has a certificate: a later time becomes the last of these, an earlier one the first. */
const [firstMs, lastMs] = [Date.parse('0000-01-01T00:00:00.000Z'), Date.parse('9999-12-31T23:59:59.999Z')];

/** Formats a time in RFC 3339. A node may report any time. */
export const iso = (timeMs: number): string => new Date(Math.min(lastMs, Math.max(firstMs, timeMs))).toISOString();

function toLabelsDto(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const at = label.indexOf('=');
      return [label.slice(0, at), label.slice(at + 1)];
    }),
  );
}

/** Absent as a whole if the agent reports none. */
function toPostureDto(volume: IndexedVolume): Pick<VolumeRow, 'posture'> {
  const { keyBits, curve, signatureAlgorithm, requestedSeconds, isCa, usages = [] } = volume;
  if (signatureAlgorithm === undefined) return {};
  return {
    posture: {
      ...(keyBits !== undefined && { keyBits }),
      ...(curve !== undefined && { curve }),
      signature: signatureAlgorithm,
      ...(requestedSeconds !== undefined && { requestedSeconds }),
      isCa: isCa === 1,
      usages: [...usages],
    },
  };
}

function toWaitDto({ reason, untilMs }: LaneWait): NonNullable<VolumeRow['waiting']> {
  return { reason, ...(untilMs !== undefined && { until: iso(untilMs) }) };
}

function toServedDto(
  state: ServedState,
  { servedSinceMs, probeFailure }: IndexedVolume,
): NonNullable<VolumeRow['served']> {
  return {
    state,
    ...(servedSinceMs !== undefined && { since: iso(servedSinceMs) }),
    ...(state === 'unknown' && probeFailure !== undefined && { failure: probeFailure }),
  };
}

function toCertificateDto(certificate: IndexedCertificate): Partial<VolumeRow> {
  const { notBeforeMs, notAfterMs, renewAtMs, issuedAtMs, serial, subject, dnsNames } = certificate;
  return {
    notBefore: iso(notBeforeMs),
    notAfter: iso(notAfterMs),
    renewAt: iso(renewAtMs),
    issuedAt: iso(issuedAtMs),
    lifetimeSeconds: Math.max(0, Math.round((notAfterMs - notBeforeMs) / 1000)),
    serial,
    subject,
    dnsNames: [...dnsNames],
  };
}

function toFailureDto({ atMs, reason, message, attempts }: IndexedFailure): NonNullable<VolumeRow['failure']> {
  return { at: iso(atMs), reason, message, attempts };
}
