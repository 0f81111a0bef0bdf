import { VolumeReport_Cause, VolumeReport_KeyType, VolumeReport_State } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Certificate, Failure, Issuer, VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { reportedFields } from './optional-fields.ts';
import type { OptionalFields } from './optional-fields.ts';

/** The issuer of a volume; with its namespace (`''` if cluster-wide) it identifies a lane. */
export interface IssuerName {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The certificate of a volume; times in milliseconds since the epoch. */
export interface IndexedCertificate {
  readonly serial: string;
  readonly fingerprint: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly renewAtMs: number;
  readonly issuedAtMs: number;
  readonly caFingerprints: readonly string[];
  readonly subject: string;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** The last failed attempt of a volume. */
export interface IndexedFailure {
  readonly atMs: number;
  readonly reason: string;
  readonly message: string;
  /** Failed attempts since the last success. */
  readonly attempts: number;
}

/** The stored state of a volume: its last report, and the authenticated node that sent it. */
export interface IndexedVolume extends OptionalFields {
  readonly node: string;
  readonly volumeId: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly issuer: IssuerName;
  /** Issuances so far. */
  readonly generation: number;
  readonly state: VolumeReport_State;
  readonly keyType: VolumeReport_KeyType;
  readonly cause: VolumeReport_Cause;
  readonly certificate?: IndexedCertificate;
  readonly failure?: IndexedFailure;
}

/**
 * Since when all attempts of a volume have failed: the first one, or the last one if its agent reports no other. Undefined
 * if none has failed, or if the time is unknown.
 */
export function failingSinceMs({ failure, firstFailureMs }: IndexedVolume): number | undefined {
  if (failure === undefined) return undefined;
  if (failure.atMs <= 0) return firstFailureMs;
  // The clock of the node may have been set back in between.
  return Math.min(firstFailureMs ?? Infinity, failure.atMs);
}

/** Fingerprints of the certificates in a volume's CA file, as far as they are reported: its own CA comes first. */
export function trustedCaFingerprints({ certificate, additionalCaFingerprints }: IndexedVolume): readonly string[] {
  const own = certificate?.caFingerprints ?? [];
  return additionalCaFingerprints === undefined ? own : [...own, ...additionalCaFingerprints];
}

/** A report may come from a hostile node: longer values are cut off. */
const maxLengths = { name: 256, subject: 1024, message: 512, list: 64 } as const;

/** Converts a report; throws invalid-argument if it names no volume or its times are invalid. */
export function indexedVolumeOf(node: string, report: VolumeReport): IndexedVolume {
  const { volumeId, pod, certificate, lastFailure, generation } = report;
  checkVolumeId(volumeId);
  if (!Number.isSafeInteger(generation) || generation < 0)
    throw new CertfleetError('invalid-argument', `generation must be a whole number, found ${generation}`);
  const namespace = objectName(pod?.namespace);
  return {
    node,
    volumeId,
    namespace,
    pod: objectName(pod?.name),
    podUid: short(pod?.uid),
    issuer: issuerName(namespace, report.issuer),
    generation,
    state: known(VolumeReport_State, report.state),
    keyType: known(VolumeReport_KeyType, report.keyType),
    cause: known(VolumeReport_Cause, report.cause),
    ...(certificate && { certificate: certificateState(certificate) }),
    ...(lastFailure && { failure: failureState(lastFailure) }),
    ...reportedFields(report),
  };
}

function checkVolumeId(volumeId: string): void {
  if (volumeId === '' || volumeId.length > maxLengths.name)
    throw new CertfleetError(
      'invalid-argument',
      `volume id must have 1 to ${maxLengths.name} characters, found ${volumeId.length}`,
    );
  if (/[\u0000-\u001f\u007f]/.test(volumeId))
    throw new CertfleetError('invalid-argument', 'volume id must not contain control characters');
}

/**
 * A report does not contain whether an issuer's kind is namespaced; every issuer controller uses a kind with `Cluster`
 * in its name for the cluster-wide one.
 */
function issuerName(podNamespace: string, issuer: Issuer | undefined): IssuerName {
  const kind = objectName(issuer?.kind);
  const namespace = kind.includes('Cluster') ? '' : podNamespace;
  return { group: objectName(issuer?.group), kind, namespace, name: objectName(issuer?.name) };
}

function certificateState(certificate: Certificate): IndexedCertificate {
  const { notBefore, notAfter, renewAt, issuedAt } = certificate;
  if (notBefore === undefined || notAfter === undefined || renewAt === undefined)
    throw new CertfleetError(
      'invalid-argument',
      'certificate must be reported with not-before, not-after and renew-at',
    );
  const times = {
    notBeforeMs: notBefore.getTime(),
    notAfterMs: notAfter.getTime(),
    renewAtMs: renewAt.getTime(),
    issuedAtMs: (issuedAt ?? notBefore).getTime(),
  };
  if (!Object.values(times).every(Number.isSafeInteger))
    throw new CertfleetError('invalid-argument', 'certificate times must be valid times');
  return {
    serial: short(certificate.serialNumber),
    fingerprint: short(certificate.fingerprintSha256),
    ...times,
    caFingerprints: shortList(certificate.caFingerprintsSha256),
    subject: short(certificate.subject, maxLengths.subject),
    dnsNames: shortList(certificate.dnsNames),
    uris: shortList(certificate.uris),
    ipAddresses: shortList(certificate.ipAddresses),
  };
}

function failureState({ at, reason, message, attempts }: Failure): IndexedFailure {
  const atMs = at?.getTime() ?? 0;
  return {
    atMs: Number.isSafeInteger(atMs) ? atMs : 0,
    reason: short(reason),
    message: short(message, maxLengths.message),
    attempts: Math.max(1, attempts),
  };
}

/** An issuer as one string, `kind.group/namespace/name`, for patterns and display. */
export function issuerKey(issuer: IssuerName): string {
  const known = issuerKeys.get(issuer);
  if (known !== undefined) return known;
  const { group, kind, namespace, name } = issuer;
  const key = `${kind}.${group}/${namespace}/${name}`;
  issuerKeys.set(issuer, key);
  return key;
}

/** Volumes share the objects of their issuers, and every scan of the fleet needs their keys. */
const issuerKeys = new WeakMap<IssuerName, string>();

const short = (text = '', length: number = maxLengths.name): string => text.slice(0, length);
/**
 * A name of an object in a report. Kubernetes has none with the characters that separate names and patterns in filters and
 * in keys of issuers: an invented name must not select what belongs to others.
 */
const objectName = (text = ''): string => short(text).replaceAll(/[*,/]/g, '?');
const shortList = (texts: readonly string[]): readonly string[] =>
  texts.slice(0, maxLengths.list).map((text) => short(text));

function known<T extends number>(values: Readonly<Record<string, T>>, value: T): T {
  return Object.values(values).includes(value) ? value : (0 as T);
}
