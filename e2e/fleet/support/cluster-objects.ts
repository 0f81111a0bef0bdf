import { systemClock } from '../../../libs/shared/src/clock.ts';
import { CertfleetError } from '../../../libs/shared/src/errors.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import type { ApiResource, ApiTarget } from '../../../libs/shared/src/kube/api-resource.ts';
import type { KubeAccess, KubeCredentials } from '../../../libs/shared/src/kube/kube-credentials.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import type { Cluster } from '../../cluster/cluster.ts';

/** A resource of the chart's CustomResourceDefinitions. */
export const certfleetResource = (plural: string): ApiResource => ({
  group: 'certfleet.io',
  version: 'v1alpha1',
  plural,
});

/**
 * Reads and writes objects as the administrator. Tests read a status many times until it is as expected: a kubectl
 * process for each read would cost more than everything that they test.
 */
export class ClusterObjects {
  /** For processes in the network of this one. */
  readonly kubeconfig: string;
  readonly #client: KubeClient;

  private constructor(kubeconfig: string, node: string | undefined) {
    this.kubeconfig = kubeconfig;
    const admin = kubeconfigCredentials(kubeconfig, systemClock);
    const credentials = node === undefined ? admin : asNode(admin, node);
    this.#client = new KubeClient({ credentials, clock: systemClock });
  }

  /** @param node of whose kubelet the requests have the identity; by default the administrator's */
  static async connect(cluster: Cluster, node?: string): Promise<ClusterObjects> {
    return new ClusterObjects(await cluster.localKubeconfig(), node);
  }

  /** Undefined if it does not exist. */
  async get<Stored>(target: ApiTarget): Promise<Stored | undefined> {
    return (await this.#client.request({ verb: 'get', ...target }).catch(nothingIfAbsent)) as Stored | undefined;
  }

  async list<Stored>(target: ApiTarget): Promise<readonly Stored[]> {
    return ((await this.#client.request({ verb: 'list', ...target })) as { readonly items: readonly Stored[] }).items;
  }

  async create<Stored>(target: ApiTarget, body: object): Promise<Stored> {
    return (await this.#client.request({ verb: 'create', ...target, body })) as Stored;
  }

  /** As `kubectl apply --server-side --force-conflicts`. */
  async apply(target: ApiTarget, body: object): Promise<void> {
    const query = { fieldManager: 'kubectl', force: 'true' };
    await this.#client.request({ verb: 'apply', ...target, query, body });
  }

  /** A merge patch. */
  async patch(target: ApiTarget, body: object): Promise<void> {
    await this.#client.request({ verb: 'patch', ...target, body });
  }

  /** Deletes the named object, or all that the target selects; it does not wait for finalizers. */
  async delete(target: ApiTarget): Promise<void> {
    await this.#client.request({ verb: 'delete', ...target }).catch(nothingIfAbsent);
  }

  stop(): void {
    this.#client.stop();
  }
}

function asNode(admin: KubeCredentials, node: string): KubeCredentials {
  const identity = { 'impersonate-user': `system:node:${node}`, 'impersonate-group': 'system:nodes' };
  let current: Promise<KubeAccess> | undefined;
  const access = async (): Promise<KubeAccess> => {
    const own = await admin.access();
    return { ...own, headers: { ...own.headers, ...identity } };
  };
  // One object, so that the client keeps its connections.
  return { access: () => (current ??= access()), invalidate: () => admin.invalidate() };
}

function nothingIfAbsent(thrown: unknown): undefined {
  if (thrown instanceof CertfleetError && thrown.code === 'not-found') return undefined;
  throw thrown;
}
