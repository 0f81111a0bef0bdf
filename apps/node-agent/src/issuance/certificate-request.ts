import { formatGoDuration } from '@certfleet/shared/go-duration.ts';

import { readDerChildren } from '@certfleet/shared/der-reader.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';
import type { ApiResource, ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { idHash, nodeIdHashLabel, volumeIdHashLabel } from '../spec/volume-labels.ts';
import type { IssueRequest } from './certificate-issuer.ts';

export const certificateRequests: ApiResource = {
  group: 'cert-manager.io',
  version: 'v1',
  plural: 'certificaterequests',
};

/** An element of status.conditions. */
export interface RequestCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** The fields of a CertificateRequest that the agent uses. */
export interface CertificateRequestView {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** UID of the pod that owns it; empty if no pod does. */
  readonly podUid: string;
  readonly volumeIdHash: string;
  /** spec.request: base64 of the PEM. */
  readonly request: string;
  readonly conditions: readonly RequestCondition[];
  readonly failureTime: string;
  /** Base64 of the PEM, empty until issued. */
  readonly certificate: string;
  readonly ca: string;
}

interface RawCertificateRequest {
  readonly metadata?: ObjectMeta;
  readonly spec?: { readonly request?: string };
  readonly status?: {
    readonly conditions?: readonly Partial<RequestCondition>[];
    readonly failureTime?: string;
    readonly certificate?: string;
    readonly ca?: string;
  };
}

/** The object to create for a request. */
export function certificateRequestManifest(request: IssueRequest, nodeId: string): unknown {
  const { spec, requestName, volumeId } = request;
  return {
    apiVersion: 'cert-manager.io/v1',
    kind: 'CertificateRequest',
    metadata: {
      name: requestName,
      namespace: spec.pod.namespace,
      labels: { [nodeIdHashLabel]: idHash(nodeId), [volumeIdHashLabel]: idHash(volumeId) },
      annotations: spec.annotations,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: spec.pod.name, uid: spec.pod.uid }],
    },
    spec: {
      request: base64(request.csrPem),
      issuerRef: { name: spec.issuer.name, kind: spec.issuer.kind, group: spec.issuer.group },
      duration: formatGoDuration(spec.durationMs),
      isCA: spec.isCa,
      usages: spec.keyUsages,
    },
  };
}

/** The view of an object from the API server. */
export function viewCertificateRequest(raw: unknown): CertificateRequestView {
  const { metadata = {}, spec, status } = raw as RawCertificateRequest;
  const owner = metadata.ownerReferences?.find(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Pod');
  return {
    name: orEmpty(metadata.name),
    namespace: orEmpty(metadata.namespace),
    uid: orEmpty(metadata.uid),
    podUid: orEmpty(owner?.uid),
    volumeIdHash: orEmpty(metadata.labels?.[volumeIdHashLabel]),
    request: orEmpty(spec?.request),
    conditions: (status?.conditions ?? []).map(viewCondition),
    failureTime: orEmpty(status?.failureTime),
    certificate: orEmpty(status?.certificate),
    ca: orEmpty(status?.ca),
  };
}

function viewCondition({ type, status, reason, message }: Partial<RequestCondition>): RequestCondition {
  return { type: orEmpty(type), status: orEmpty(status), reason: orEmpty(reason), message: orEmpty(message) };
}

function orEmpty(text: string | undefined): string {
  return text ?? '';
}

/**
 * Whether the agent made an object for this pod and volume. Labels can be set by anyone who may create requests, so the
 * owner is checked first; `asksFor` checks the CSR.
 */
export function ownedBy({
  spec: { pod },
  volumeId,
}: Pick<IssueRequest, 'volumeId' | 'spec'>): (view: CertificateRequestView) => boolean {
  const volumeIdHash = idHash(volumeId);
  return (view) => view.podUid === pod.uid && view.namespace === pod.namespace && view.volumeIdHash === volumeIdHash;
}

/**
 * Returns a predicate: whether an object has the content and key of this CSR. It compares the signed content, not the
 * signature, which ECDSA makes different each time.
 */
export function asksFor(csrPem: string): (view: CertificateRequestView) => boolean {
  const asSent = base64(csrPem);
  return ({ request }) => {
    if (request === asSent) return true;
    try {
      return signedPart(Buffer.from(request, 'base64').toString('utf8')).equals(signedPart(csrPem));
    } catch {
      return false;
    }
  };
}

function base64(csrPem: string): string {
  return Buffer.from(csrPem, 'utf8').toString('base64');
}

/** CertificationRequestInfo, the first element of a PKCS#10 request (RFC 2986, 4.2). */
function signedPart(csrPem: string): Buffer {
  const der = parsePem(csrPem)[0]?.der ?? Buffer.alloc(0);
  return readDerChildren(der)[0]?.encoded ?? Buffer.alloc(0);
}
