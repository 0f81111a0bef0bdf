import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import { readCaCertificates } from '../crypto/ca-certificates.ts';
import type { CaCertificate } from '../crypto/ca-certificates.ts';
import type { TrustRef } from '../spec/volume-spec.ts';

/** An object with CA certificates: of a namespace, or of the cluster. */
export type TrustObject = TrustRef & { readonly namespace: string };

/** The public roots of a distribution are about 150 in 220 KB. */
const limits = { certificates: 300, characters: 384 * 1024 };

const configMaps: ApiResource = { group: '', version: 'v1', plural: 'configmaps' };
/** The newest first. */
const bundleVersions = ['v1', 'v1beta1', 'v1alpha1'] as const;
const bundles = (version: string): ApiResource => ({
  group: 'certificates.k8s.io',
  version,
  plural: 'clustertrustbundles',
});

/** The name of a source in records, logs and Events. */
export function sourceName(ref: TrustRef): string {
  return ref.kind === 'ConfigMap' ? `ConfigMap/${ref.name}/${ref.key}` : `ClusterTrustBundle/${ref.name}`;
}

/** Reads ConfigMaps and ClusterTrustBundles. */
export class TrustObjectReader {
  readonly #client: Pick<KubeClient, 'request'>;
  /** The last version of ClusterTrustBundles that the cluster served. */
  #bundleVersion: string | undefined;

  constructor(client: Pick<KubeClient, 'request'>) {
    this.#client = client;
  }

  /**
   * The CA certificates of an object.
   * @throws CertfleetError not-found or invalid-argument if the object is not a usable source; or as KubeClient.request
   */
  async read(object: TrustObject, signal: AbortSignal): Promise<readonly CaCertificate[]> {
    const pem =
      object.kind === 'ConfigMap' ? await this.#configMap(object, signal) : await this.#bundle(object, signal);
    return readCaCertificates(pem, limits);
  }

  async #configMap(
    { namespace, name, key }: TrustObject & { readonly kind: 'ConfigMap' },
    signal: AbortSignal,
  ): Promise<string> {
    const target = { resource: configMaps, namespace, name };
    const { data } = (await this.#client.request({ verb: 'get', ...target, signal })) as {
      readonly data?: Readonly<Record<string, string>>;
    };
    const text = data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined;
    if (typeof text === 'string') return text;
    throw new CertfleetError('invalid-argument', `expected the key ${key} in its data, found none`);
  }

  async #bundle({ name }: TrustObject, signal: AbortSignal): Promise<string> {
    const { spec } = await this.#getBundle(name, signal);
    return typeof spec?.trustBundle === 'string' ? spec.trustBundle : '';
  }

  async #getBundle(name: string, signal: AbortSignal): Promise<{ readonly spec?: { readonly trustBundle?: unknown } }> {
    const known = this.#bundleVersion;
    for (const version of known === undefined ? bundleVersions : [known]) {
      try {
        const found = await this.#client.request({ verb: 'get', resource: bundles(version), name, signal });
        this.#bundleVersion = version;
        return found as { readonly spec?: { readonly trustBundle?: unknown } };
      } catch (thrown) {
        if (!(thrown instanceof CertfleetError) || thrown.reason !== 'ApiNotServed') throw thrown;
      }
    }
    // The cluster was upgraded or its feature gate changed: the next read tries every version.
    this.#bundleVersion = undefined;
    throw new CertfleetError('not-found', 'the cluster serves no ClusterTrustBundles', { reason: 'ApiNotServed' });
  }
}
