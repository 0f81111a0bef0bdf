import { createPublicKey } from 'node:crypto';
import { readDerChildren } from '@certfleet/shared/der-reader.ts';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { keyTypeOf } from '@certfleet/shared/x509/pod-certificate-key-type.ts';
import { issuingCasOf } from './issuing-cas.ts';
import { defaultExpirationSeconds, projectionKey, stringsOf } from './projection-key.ts';

/** The times of a certificate as its signer wrote them into the status of the request. */
export interface CertificateTimes {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly beginRefreshAtMs: number;
  /** Which CAs have issued it; see issuingCasOf. Undefined if the chain does not show it. */
  readonly cas?: string;
}

/** The answer to a request; pending without one. */
type RequestAnswer =
  | { readonly outcome: 'pending' }
  | { readonly outcome: 'denied' | 'failed'; readonly reason: string; readonly message: string }
  | { readonly outcome: 'issued'; readonly certificate: CertificateTimes };

/** What the index needs of a PodCertificateRequest. */
export interface ObservedRequest {
  readonly uid: string;
  readonly name: string;
  /** By the clock of the API server, in whole seconds. */
  readonly createdMs: number;
  readonly podUid: string;
  readonly signer: string;
  /** The projection that it is for; see projectionKey. */
  readonly projection: string;
  readonly answer: RequestAnswer;
}

interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface RawRequest {
  readonly metadata?: ObjectMeta;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>> & { readonly conditions?: readonly Condition[] };
}

/** Signers write reasons and messages, and rows are kept in memory. */
const maxReason = 128;
const maxMessage = 1_024;

/** Reads a request of any served version; undefined if it has no identity. */
export function parseObservedRequest(raw: unknown): ObservedRequest | undefined {
  const { metadata = {}, spec = {}, status = {} } = (raw ?? {}) as RawRequest;
  const { uid, name, creationTimestamp } = metadata;
  const [podUid, signer] = [textOf(spec['podUID']), textOf(spec['signerName'])];
  if (uid === undefined || name === undefined || podUid === '' || signer === '') return undefined;
  const seconds = spec['maxExpirationSeconds'];
  const projection = projectionKey({
    signer,
    keyType: keyTypeIn(textOf(spec['stubPKCS10Request']), textOf(spec['pkixPublicKey'])),
    maxExpirationSeconds: typeof seconds === 'number' ? seconds : defaultExpirationSeconds,
    annotations: stringsOf(spec['unverifiedUserAnnotations']),
  });
  return {
    uid,
    name,
    createdMs: timeOf(creationTimestamp) ?? 0,
    podUid,
    signer,
    projection,
    answer: answerOf(status),
  };
}

const outcomes = { Issued: 'issued', Denied: 'denied', Failed: 'failed' } as const;

function answerOf(status: NonNullable<RawRequest['status']>): RequestAnswer {
  const isFinal = ({ type = '', status: given }: Condition): boolean =>
    Object.hasOwn(outcomes, type) && given === 'True';
  const condition = status.conditions?.find(isFinal);
  if (condition === undefined) return { outcome: 'pending' };
  const outcome = outcomes[condition.type as keyof typeof outcomes];
  if (outcome !== 'issued') {
    const { reason = '', message = '' } = condition;
    return { outcome, reason: reason.slice(0, maxReason), message: message.slice(0, maxMessage) };
  }
  const [notBeforeMs, notAfterMs] = [timeOf(status['notBefore']), timeOf(status['notAfter'])];
  const beginRefreshAtMs = timeOf(status['beginRefreshAt']);
  // The API server requires all three.
  if (notBeforeMs === undefined || notAfterMs === undefined || beginRefreshAtMs === undefined)
    return { outcome: 'pending' };
  const cas = issuingCasOf(status['certificateChain']);
  return { outcome, certificate: { notBeforeMs, notAfterMs, beginRefreshAtMs, ...(cas !== undefined && { cas }) } };
}

/**
 * The type of the key in a PKCS#10 request, or of a public key of Kubernetes 1.35 and 1.36; empty if it cannot be read.
 * The API server has verified the signature.
 */
function keyTypeIn(stubRequest: string, publicKey: string): string {
  try {
    const der = stubRequest === '' ? Buffer.from(publicKey, 'base64') : keyOf(Buffer.from(stubRequest, 'base64'));
    return der === undefined ? '' : (keyTypeOf(createPublicKey({ key: der, format: 'der', type: 'spki' })) ?? '');
  } catch {
    return '';
  }
}

/** SubjectPublicKeyInfo of a CertificationRequest (RFC 2986 section 4). */
function keyOf(request: Buffer): Buffer | undefined {
  const [information] = readDerChildren(request);
  if (information === undefined) return undefined;
  const [, , publicKey] = readDerChildren(information.encoded);
  return publicKey?.encoded;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function timeOf(value: unknown): number | undefined {
  const timeMs = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
