import { X509Certificate } from 'node:crypto';

import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import type { ObjectMeta } from '../../../libs/shared/src/kube/api-resource.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { ResourceWatch } from '../../../libs/shared/src/kube/resource-watch.ts';
import type { Cluster } from '../../cluster/cluster.ts';

/** The certificate of a request. */
interface IssuedCertificate {
  /** As `openssl x509 -serial` prints it. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly beginRefreshAt: Date;
  readonly notAfter: Date;
  /** When this process saw it. */
  readonly seenAt: Date;
}

/** A PodCertificateRequest, also after its deletion. */
export interface SeenRequest {
  readonly name: string;
  readonly pod: string;
  readonly createdAt: Date;
  /** Grows with each write to the API server. */
  readonly version: bigint;
  /** Of the final conditions; undefined while it is pending. */
  readonly answer: 'Issued' | 'Denied' | 'Failed' | undefined;
  readonly issued: IssuedCertificate | undefined;
  readonly deletedAt: Date | undefined;
}

interface RawRequest {
  readonly metadata: Required<Pick<ObjectMeta, 'name' | 'uid' | 'resourceVersion' | 'creationTimestamp'>>;
  readonly spec: { readonly podName: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: 'Issued' | 'Denied' | 'Failed' }[];
    readonly certificateChain?: string;
    readonly beginRefreshAt?: string;
  };
}

/** All PodCertificateRequests of a cluster since the start, which the API server forgets after 15 minutes. */
export class RequestHistory {
  readonly #client: KubeClient;
  readonly #watch: ResourceWatch<RawRequest>;
  readonly #requests = new Map<string, SeenRequest>();

  private constructor(client: KubeClient) {
    this.#client = client;
    this.#watch = new ResourceWatch<RawRequest>({
      client,
      clock: systemClock,
      resource: { group: 'certificates.k8s.io', version: 'v1', plural: 'podcertificaterequests' },
      project: (raw) => raw as RawRequest,
      onEvent: ({ type, object }) => this.#take(object, type === 'DELETED'),
      onSynced: (all) => {
        for (const each of all) this.#take(each, false);
      },
    });
  }

  static async start(cluster: Cluster): Promise<RequestHistory> {
    const credentials = kubeconfigCredentials(await cluster.localKubeconfig(), systemClock);
    const history = new RequestHistory(new KubeClient({ credentials, clock: systemClock }));
    history.#watch.start();
    await history.#watch.ready;
    return history;
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    this.#client.stop();
  }

  get all(): readonly SeenRequest[] {
    return [...this.#requests.values()];
  }

  /** The requests of a pod, the oldest first. */
  of(pod: string): readonly SeenRequest[] {
    return this.all
      .filter((request) => request.pod === pod)
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
  }

  /** The certificate of the pod's first request. */
  firstOf(pod: string): IssuedCertificate {
    const issued = this.of(pod)[0]?.issued;
    if (issued === undefined) throw new Error(`the first request of ${pod} has no certificate`);
    return issued;
  }

  #take({ metadata, spec, status }: RawRequest, isDeleted: boolean): void {
    const before = this.#requests.get(metadata.uid);
    const answer = status?.conditions?.[0]?.type;
    this.#requests.set(metadata.uid, {
      name: metadata.name,
      pod: spec.podName,
      createdAt: new Date(metadata.creationTimestamp),
      // That of the answer: later writes change nothing that is of interest here.
      version: before?.answer === undefined ? BigInt(metadata.resourceVersion) : before.version,
      answer,
      issued: before?.issued ?? (answer === 'Issued' ? issuedOf(status ?? {}) : undefined),
      deletedAt: isDeleted ? new Date() : undefined,
    });
  }
}

function issuedOf({
  certificateChain = '',
  beginRefreshAt = '',
}: NonNullable<RawRequest['status']>): IssuedCertificate {
  const leaf = new X509Certificate(certificateChain);
  return {
    serial: leaf.serialNumber,
    notBefore: leaf.validFromDate,
    beginRefreshAt: new Date(beginRefreshAt),
    notAfter: leaf.validToDate,
    seenAt: new Date(),
  };
}
