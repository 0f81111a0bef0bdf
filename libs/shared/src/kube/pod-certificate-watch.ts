import { delay } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { asCertfleetError, CertfleetError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient } from './api-client.ts';
import type { ApiResource } from './api-resource.ts';
import { ResourceWatch } from './resource-watch.ts';
import type { ResourceWatchOptions } from './resource-watch.ts';

const group = 'certificates.k8s.io';
/** v1 since Kubernetes 1.37; v1beta1 in 1.35 and 1.36, if it is enabled. Both show the same objects. */
const versions = ['v1', 'v1beta1'] as const;
const retryMs = 10_000;

export interface PodCertificateWatchOptions<T> extends Pick<
  ResourceWatchOptions<T>,
  'project' | 'onEvent' | 'onSynced' | 'isFirstListFresh'
> {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The PodCertificateRequests of the cluster, in the newest version that the API server serves. */
export class PodCertificateWatch<T> {
  readonly #options: PodCertificateWatchOptions<T>;
  readonly #stop = new AbortController();
  #resource: ApiResource | undefined;
  #running: Promise<void> | undefined;
  #problem: string | undefined = 'the pod certificate requests are not loaded yet';

  constructor(options: PodCertificateWatchOptions<T>) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new CertfleetError('cancelled', 'the watch of pod certificate requests stops'));
    await this.#running;
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The version that is followed; undefined before one was found. */
  get resource(): ApiResource | undefined {
    return this.#resource;
  }

  /** Why requests may be missing; undefined while they are followed. */
  get problem(): string | undefined {
    return this.#problem;
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

  /** Follows until the watch stops, or the version is no longer served. */
  async #follow(resource: ApiResource): Promise<void> {
    const { log, onSynced, ...options } = this.#options;
    const ended = Promise.withResolvers<undefined>();
    const watch = new ResourceWatch<T>({
      ...options,
      resource,
      onSynced: (...synced) => {
        onSynced(...synced);
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
