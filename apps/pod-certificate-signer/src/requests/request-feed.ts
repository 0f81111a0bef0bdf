import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { PodCertificateWatch } from '@certfleet/shared/kube/pod-certificate-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { parseRequest } from './pod-certificate-request.ts';
import type { PodCertificateRequest } from './pod-certificate-request.ts';
import type { RequestStatus } from './request-status.ts';

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
  readonly #watch: PodCertificateWatch<PodCertificateRequest>;

  constructor(options: RequestFeedOptions) {
    this.#options = options;
    const { client, clock, log, onRequest, onRemoved, onSynced } = options;
    this.#watch = new PodCertificateWatch({
      client,
      clock,
      log,
      // In pages: from its cache, the API server returns all of them at once, which may be more than the memory holds.
      isFirstListFresh: true,
      project: parseRequest,
      onEvent: ({ type, object }) => (type === 'DELETED' ? onRemoved(object.uid) : onRequest(object)),
      onSynced,
    });
  }

  start(): void {
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
  }

  /** Why requests may be missing; undefined while they are followed. */
  get problem(): string | undefined {
    return this.#watch.problem;
  }

  /**
   * Writes the final status of a request.
   * @throws CertfleetError not-found, or aborted with reason Conflict if it is answered already
   */
  async writeStatus(request: PodCertificateRequest, status: RequestStatus): Promise<void> {
    const { resource, signal } = this.#watch;
    if (resource === undefined) throw new CertfleetError('unavailable', 'the API server serves no such requests');
    const { name, namespace, uid, resourceVersion } = request;
    await this.#options.client.request({
      verb: 'update',
      resource,
      namespace,
      name,
      subresource: 'status',
      timeoutMs: writeTimeoutMs,
      signal,
      body: {
        apiVersion: `${resource.group}/${resource.version}`,
        kind: 'PodCertificateRequest',
        metadata: { name, namespace, uid, resourceVersion },
        status,
      },
    });
  }
}
