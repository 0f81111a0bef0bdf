import { createHash } from 'node:crypto';
import { failureReasonOf } from '@certfleet/shared/error-reasons.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { requestBaseName } from '../spec/request-base-name.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { IssuedFacts, RequestProgress, VolumeRecord } from '../storage/volume-record.ts';
import type { FailedAttempt } from './volume-attempts.ts';

/**
 * Upper bound on remembered requests that still have to be deleted. Kubernetes garbage-collects the others with the
 * pod.
 */
const maxObsoleteRequests = 32;

/**
 * The name of the next CertificateRequest. It consists of the pod's name (for readers), a hash of the volume id (unique
 * per volume), the generation (an attempt that resumes after a crash finds its request) and the number of abandoned
 * requests of this generation.
 */
export function nextRequestName({ pod }: VolumeSpec, { volumeId, generation, request }: VolumeRecord): string {
  const hash = createHash('sha256').update(volumeId).digest('hex').slice(0, 12);
  const abandoned = request?.abandoned ?? 0;
  return `${requestBaseName(pod.name)}-${hash}-${generation + 1}${abandoned === 0 ? '' : `-${abandoned}`}`;
}

/** The obsolete requests of a record and one more. */
function obsoleteWith({ obsoleteRequests = [] }: VolumeRecord, name: string): readonly string[] {
  return [...obsoleteRequests, name].slice(-maxObsoleteRequests);
}

/** The obsolete requests of a record and those of some names that are neither issued nor current. */
export function obsoleteWithFound(
  { obsoleteRequests = [], issued }: VolumeRecord,
  current: string,
  names: readonly string[],
): readonly string[] | undefined {
  const known = new Set([...obsoleteRequests, issued?.requestName, current]);
  const all = [...obsoleteRequests, ...names.filter((name) => !known.has(name))].slice(-maxObsoleteRequests);
  return all.length === 0 ? undefined : all;
}

/** The obsolete requests of a record without one; undefined if none remain. */
export function obsoleteWithout({ obsoleteRequests }: VolumeRecord, name: string): readonly string[] | undefined {
  const remaining = obsoleteRequests?.filter((each) => each !== name);
  return remaining?.length === 0 ? undefined : remaining;
}

/** The fields of a record whose current request is abandoned: the next one gets another name and key. */
export function withoutRequest(record: VolumeRecord, name: string): Pick<VolumeRecord, 'request' | 'obsoleteRequests'> {
  const { abandoned = 0, refusals = 0 } = record.request ?? {};
  return { request: { abandoned: abandoned + 1, refusals }, obsoleteRequests: obsoleteWith(record, name) };
}

/** The record after a certificate was issued. */
export function recordOfIssued(record: VolumeRecord, issued: IssuedFacts): VolumeRecord {
  const name = record.issued?.requestName;
  return {
    ...record,
    generation: record.generation + 1,
    issued,
    lastFailure: undefined,
    deferredUntil: undefined,
    request: undefined,
    obsoleteRequests: name === undefined ? record.obsoleteRequests : obsoleteWith(record, name),
    // The trust of the previous certificate ended with its files.
    trust: record.trust?.certificateSha256 === issued.fingerprintSha256 ? record.trust : undefined,
  };
}

/** The record after a failed or deferred attempt whose request has this name. */
export function recordOfFailed(
  record: VolumeRecord,
  name: string,
  { error, attempt }: { readonly error: CertfleetError; readonly attempt: FailedAttempt },
): VolumeRecord {
  const { isRefused, isDeferred, at, retryAt, attempts } = attempt;
  const since = failingSince(record) ?? at;
  const lastFailure = { at, since, reason: failureReasonOf(error), message: error.message, attempts, retryAt };
  return {
    ...record,
    request: requestAfter(record, attempt),
    ...(isRefused && { obsoleteRequests: obsoleteWith(record, name) }),
    ...(!isDeferred && { lastFailure }),
  };
}

/**
 * The first failed attempt since the last success; undefined if the last attempt succeeded. Of a record of an earlier
 * agent, its last failed attempt: the earliest that is known.
 */
function failingSince({ lastFailure }: VolumeRecord): Date | undefined {
  return lastFailure?.since ?? lastFailure?.at;
}

/** The progress of a request after a failed attempt. */
function requestAfter(
  { request }: VolumeRecord,
  { isRefused, at, requestAgeMs }: Pick<FailedAttempt, 'isRefused' | 'at' | 'requestAgeMs'>,
): RequestProgress {
  const { abandoned = 0, refusals = 0 } = request ?? {};
  if (isRefused) return { abandoned: abandoned + 1, refusals: refusals + 1 };
  return { abandoned, refusals, ...(requestAgeMs !== undefined && { sentAt: new Date(at.getTime() - requestAgeMs) }) };
}
