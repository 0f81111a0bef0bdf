import { X509Certificate } from 'node:crypto';
import { asCertfleetError, CertfleetError } from '../errors.ts';
import { parsePem } from '../x509/pem.ts';
import type { KubeClient } from './api-client.ts';
import type { ApiResource, ObjectMeta } from './api-resource.ts';

/** The ClusterTrustBundle of a signer name, as the API server has it. */
export interface StoredBundle {
  readonly resourceVersion: string;
  readonly anchors: readonly X509Certificate[];
  /** By fingerprint: when no certificate of the CA can be valid any more. */
  readonly neededUntil: Readonly<Record<string, string>>;
}

/** A bundle in a version that the API server serves. */
export interface ReadBundle {
  readonly resource: ApiResource;
  /** Undefined if there is none. */
  readonly stored: StoredBundle | undefined;
}

export const neededUntilAnnotation = 'certfleet.io/needed-until';
const timeoutMs = 10_000;
/** v1 since Kubernetes 1.37; v1beta1 before, if it is enabled. */
const resources: readonly ApiResource[] = ['v1', 'v1beta1'].map((version) => ({
  group: 'certificates.k8s.io',
  version,
  plural: 'clustertrustbundles',
}));

/** The name of the bundle that the signer maintains for a signer name: Kubernetes requires the prefix. */
export function bundleName(signerName: string): string {
  return `${signerName.replace('/', ':')}:certfleet`;
}

/**
 * Reads a bundle.
 * @throws CertfleetError unavailable if the API server serves no ClusterTrustBundles; others as KubeClient.request does
 */
export async function readBundle(client: Pick<KubeClient, 'request'>, name: string): Promise<ReadBundle> {
  for (const resource of resources) {
    try {
      const raw = await client.request({ verb: 'get', resource, name, timeoutMs });
      return { resource, stored: parseBundle(raw) };
    } catch (thrown) {
      const { code, reason } = asCertfleetError(thrown);
      if (reason === 'ApiNotServed') continue;
      if (code === 'not-found') return { resource, stored: undefined };
      throw thrown;
    }
  }
  const how = 'expected Kubernetes 1.37, or its feature gate ClusterTrustBundle and v1beta1 API';
  throw new CertfleetError('unavailable', `the API server serves no ClusterTrustBundles: ${how}`, {
    reason: 'ApiNotServed',
  });
}

/** Reads an object of the API server. Throws if a certificate in it cannot be read: it must not be lost. */
export function parseBundle(raw: unknown): StoredBundle {
  const { metadata, spec } = (raw ?? {}) as {
    readonly metadata?: ObjectMeta;
    readonly spec?: { readonly trustBundle?: string };
  };
  return {
    resourceVersion: metadata?.resourceVersion ?? '',
    anchors: parsePem(spec?.trustBundle ?? '').map(({ der }) => new X509Certificate(der)),
    neededUntil: timesIn(metadata?.annotations?.[neededUntilAnnotation]),
  };
}

function timesIn(annotation: string | undefined): Readonly<Record<string, string>> {
  try {
    const value: unknown = JSON.parse(annotation ?? '{}');
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return {};
  }
}
