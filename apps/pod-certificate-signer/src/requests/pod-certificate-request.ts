import type { IdentityScope } from '@certfleet/shared/identity-variables.ts';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';

/** A PodCertificateRequest of any served version. */
export interface PodCertificateRequest {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly signerName: string;
  /** Which node, pod and ServiceAccount ask: the API server has verified it. */
  readonly identity: IdentityScope;
  readonly maxExpirationSeconds: number;
  /** PKCS#10 request in DER, base64; empty in a request of Kubernetes 1.35. */
  readonly stubRequest: string;
  /** SubjectPublicKeyInfo and a signature of the pod's UID, base64; empty in a request of Kubernetes 1.36 and later. */
  readonly publicKey: string;
  readonly proofOfPossession: string;
  /** What the author of the pod wrote; undefined if it is longer than `maxAnnotationCharacters`. */
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Neither issued, denied nor failed. */
  readonly isPending: boolean;
}

interface RawRequest {
  readonly metadata?: ObjectMeta;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: { readonly conditions?: readonly { readonly type?: string }[] };
}

/**
 * All annotations of a pod certificate together. The API server allows 256 KiB: a few hundred of such requests, also of
 * other signers, would fill the memory.
 */
export const maxAnnotationCharacters = 16_384;

const finalConditions: readonly (string | undefined)[] = ['Issued', 'Denied', 'Failed'];

/** Reads an object of the API server; undefined if it has no identity. */
export function parseRequest(raw: unknown): PodCertificateRequest | undefined {
  const { metadata, spec, status } = (raw ?? {}) as RawRequest;
  const { name, namespace, uid, resourceVersion } = metadata ?? {};
  if (name === undefined || namespace === undefined || uid === undefined || spec === undefined) return undefined;
  const text = (field: string): string => (typeof spec[field] === 'string' ? spec[field] : '');
  return {
    name,
    namespace,
    uid,
    resourceVersion: resourceVersion ?? '',
    signerName: text('signerName'),
    identity: {
      pod: { name: text('podName'), namespace, uid: text('podUID'), serviceAccountName: text('serviceAccountName') },
      nodeName: text('nodeName'),
    },
    maxExpirationSeconds: typeof spec['maxExpirationSeconds'] === 'number' ? spec['maxExpirationSeconds'] : 86_400,
    stubRequest: text('stubPKCS10Request'),
    publicKey: text('pkixPublicKey'),
    proofOfPossession: text('proofOfPossession'),
    annotations: annotationsIn(spec['unverifiedUserAnnotations']),
    isPending: !(status?.conditions ?? []).some(({ type }) => finalConditions.includes(type)),
  };
}

function annotationsIn(value: unknown): PodCertificateRequest['annotations'] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const characters = texts.reduce((sum, [key, text]) => sum + key.length + text.length, 0);
  return characters > maxAnnotationCharacters ? undefined : Object.fromEntries(texts);
}
