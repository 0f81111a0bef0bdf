import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { parseRequest } from './pod-certificate-request.ts';
import type { PodCertificateRequest } from './pod-certificate-request.ts';
import type { RequestStatus } from './request-status.ts';

const group = 'certificates.k8s.io';
/** v1 since Kubernetes 1.37; v1beta1 in 1.35 and 1.36, if it is enabled. */
const versions = ['v1', 'v1beta1'] as const;
const retryMs = 10_000;
const writeTimeoutMs = 10_000;

export interface RequestFeedOptions {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRequest: (request: PodCertificateRequest) => void;
  readonly onRemoved: (uid: string) => void;
  /** All requests, after each list. */
  readonly onSynced: (requests: readonly PodCertificateRequest[]) => void;
}

/** The PodCertificateRequests of the cluster, in the version that the API server serves. */
export class RequestFeed {
  readonly #options: RequestFeedOptions;
  readonly #stop = new AbortController();
  #resource: ApiResource | undefined;
  #running: Promise<void> | undefined;
  #problem: string | undefined = 'the pod certificate requests are not loaded yet';

  constructor(options: RequestFeedOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new CertfleetError('cancelled', 'the signer stops'));
    await this.#running;
  }

  /** Why requests may be missing; undefined while they are followed. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Writes the final status of a request.
   * @throws CertfleetError not-found, or aborted with reason Conflict if it is answered already
   */
  async writeStatus(request: PodCertificateRequest, status: RequestStatus): Promise<void> {
    const resource = this.#resource;
    if (resource === undefined) throw new CertfleetError('unavailable', 'the API server serves no such requests');
    const { name, namespace, uid, resourceVersion } = request;
    await this.#options.client.request({
      verb: 'update',
      resource,
      namespace,
      name,
      subresource: 'status',
      timeoutMs: writeTimeoutMs,
      signal: this.#stop.signal,
      body: {
        apiVersion: `${resource.group}/${resource.version}`,
        kind: 'PodCertificateRequest',
        metadata: { name, namespace, uid, resourceVersion },
        status,
      },
    });
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        this.#resource = await this.#servedResource();
        log.info({ version: this.#resource.version }, 'following pod certificate requests');
        await this.#follow(this.#resource);
      } catch (thrown) {
        const { message } = asCertfleetError(thrown);
        if (message !== this.#problem) log.warn({ error: message }, 'cannot follow pod certificate requests, retrying');
        this.#problem = message;
        await delay(clock, retryMs, this.#stop.signal).catch(() => undefined);
      }
    }
  }

  async #servedResource(): Promise<ApiResource> {
    const { client } = this.#options;
    for (const version of versions) {
      const resource = { group, version, plural: 'podcertificaterequests' };
      try {
        await client.request({ verb: 'list', resource, query: { limit: '1' }, signal: this.#stop.signal });
        return resource;
      } catch (thrown) {
        if (asCertfleetError(thrown).reason !== 'ApiNotServed') throw thrown;
      }
    }
    const how = 'expected Kubernetes 1.37, or 1.35 with the feature gate PodCertificateRequest and its v1beta1 API';
    throw new CertfleetError('unavailable', `the API server serves no PodCertificateRequests: ${how}`);
  }

  /** Follows until the signer stops, or the version is no longer served. */
  async #follow(resource: ApiResource): Promise<void> {
    const { client, clock, log, onRequest, onRemoved, onSynced } = this.#options;
    const ended = Promise.withResolvers<undefined>();
    const watch = new ResourceWatch<PodCertificateRequest>({
      client,
      clock,
      resource,
      project: parseRequest,
      onEvent: ({ type, object }) => (type === 'DELETED' ? onRemoved(object.uid) : onRequest(object)),
      onSynced: (requests) => {
        onSynced(requests);
        this.#problem = undefined;
      },
      onOpen: () => {
        this.#problem = undefined;
      },
      onError: (error) => {
        if (this.#problem === undefined) log.warn({ error: error.message }, 'watch of requests interrupted');
        this.#problem = error.message;
        if (error.reason === 'ApiNotServed') ended.reject(error);
      },
    });
    const stop = (): void => ended.resolve(undefined);
    this.#stop.signal.addEventListener('abort', stop, { once: true });
    watch.start();
    try {
      await ended.promise;
    } finally {
      this.#stop.signal.removeEventListener('abort', stop);
      await watch.stop();
    }
  }
}
