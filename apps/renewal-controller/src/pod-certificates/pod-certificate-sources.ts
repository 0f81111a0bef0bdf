import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';
import { PodCertificateWatch } from '@certfleet/shared/kube/pod-certificate-watch.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { parseObservedRequest } from './observed-request.ts';
import type { ObservedRequest } from './observed-request.ts';
import { keptMs } from './pod-certificate-table.ts';
import type { PodCertificateTable } from './pod-certificate-table.ts';
import { parsePod } from './projecting-pod.ts';
import type { ProjectingPod } from './projecting-pod.ts';

export interface PodCertificateSourcesParts {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly table: PodCertificateTable;
  /** For how long no replica has followed the requests. */
  readonly missedMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Follows the pods of the cluster and their certificate requests, and keeps a table equal to them. */
export class PodCertificateSources {
  readonly #parts: PodCertificateSourcesParts;
  readonly #pods: ResourceWatch<ProjectingPod>;
  readonly #requests: PodCertificateWatch<ObservedRequest>;
  /** Monotonic time until which all requests were seen. */
  #seenUntilMs: number;
  #arePodsKnown = false;
  #areRequestsKnown = false;
  #podsFailure: string | undefined;

  constructor(parts: PodCertificateSourcesParts) {
    this.#parts = parts;
    const { client, clock, log, missedMs } = parts;
    this.#seenUntilMs = clock.monotonic() - missedMs;
    this.#pods = this.#watchPods();
    this.#requests = new PodCertificateWatch({
      client,
      clock,
      log,
      project: parseObservedRequest,
      isFirstListFresh: true,
      onEvent: ({ type, object }) => this.#requestChanged(type, object),
      onSynced: (requests) => this.#requestsListed(requests),
    });
  }

  start(): void {
    this.#pods.start();
    // Requests of pods that are not known yet would wait in memory.
    void this.#pods.ready.then(
      () => this.#requests.start(),
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pods.stop(), this.#requests.stop()]);
  }

  /** Whether the table has had all pods and requests. */
  get isSynced(): boolean {
    return this.#arePodsKnown && this.#areRequestsKnown;
  }

  /** Why the table may be outdated. */
  get problem(): string | undefined {
    if (this.#podsFailure !== undefined) return `cannot follow the pods: ${this.#podsFailure}`;
    if (!this.#arePodsKnown) return 'the pods are not loaded yet';
    const { problem } = this.#requests;
    return problem === undefined ? undefined : `cannot follow the pod certificate requests: ${problem}`;
  }

  /** Whether all requests were seen until now. Without events only the state of the watch tells it. */
  noteFollowing(): boolean {
    const isFollowing = this.isSynced && this.problem === undefined;
    if (isFollowing) this.#seenUntilMs = this.#parts.clock.monotonic();
    return isFollowing;
  }

  #watchPods(): ResourceWatch<ProjectingPod> {
    const { client, clock, log, table } = this.#parts;
    return new ResourceWatch<ProjectingPod>({
      client,
      clock,
      resource: pods,
      project: parsePod,
      // The rows of pods that an older list does not have would be removed.
      isFirstListFresh: true,
      onEvent: ({ type, object: pod }) => {
        if (type === 'DELETED') table.podGone(pod.uid);
        else table.podChanged(pod, type === 'ADDED');
      },
      onSynced: (all) => {
        table.syncPods(all, clock.now());
        this.#arePodsKnown = true;
        this.#podsFailure = undefined;
      },
      onOpen: () => (this.#podsFailure = undefined),
      onError: ({ message }) => {
        // Once per outage, not per attempt.
        if (this.#podsFailure === undefined) log.warn({ error: message }, 'cannot follow pods, retrying');
        this.#podsFailure = message;
      },
    });
  }

  #requestChanged(type: string, request: ObservedRequest): void {
    if (type === 'DELETED') this.#parts.table.requestGone(request);
    else this.#parts.table.requestSeen(request);
  }

  #requestsListed(requests: readonly ObservedRequest[]): void {
    const { table, clock } = this.#parts;
    if (clock.monotonic() - this.#seenUntilMs > keptMs) table.forgetMissed(clock.now());
    table.syncRequests(requests);
    this.#areRequestsKnown = true;
    this.#seenUntilMs = clock.monotonic();
  }
}
