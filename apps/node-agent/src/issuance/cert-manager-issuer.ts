import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';

import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import { idHash, nodeIdHashLabel } from '../spec/volume-labels.ts';
import {
  asksFor,
  certificateRequestManifest,
  certificateRequests,
  ownedBy,
  viewCertificateRequest,
} from './certificate-request.ts';
import type { CertificateRequestView } from './certificate-request.ts';
import type { CertificateIssuer, IssueRequest, IssuerResponse } from './certificate-issuer.ts';
import { explainRefusal } from './request-refusal.ts';
import { RequestWaiter, RequestWaiters } from './request-waiters.ts';
import { RequestsAtStart } from './requests-at-start.ts';
import type { WaitedRequest } from './request-waiters.ts';

export interface CertManagerIssuerOptions {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly nodeId: string;
  /** Called for failures that the watch recovers from. */
  readonly onWatchError?: (error: CertfleetError) => void;
}

/** How long a request may wait before the pod gets an Event with the reason. */
const pendingNoticeMs = 5_000;
/** Between two reads of a request while the watch is down: the API server may refuse only its list, for minutes. */
const blindReadMs = 5_000;

/**
 * Gets certificates through cert-manager: creates a CertificateRequest for each, and receives all results from one
 * watch per agent.
 */
export class CertManagerIssuer implements CertificateIssuer {
  readonly #options: CertManagerIssuerOptions;
  readonly #watch: ResourceWatch<CertificateRequestView>;
  readonly #waiters = new RequestWaiters();
  readonly #atStart = new RequestsAtStart();
  #isListed = false;
  readonly #stop = new AbortController();
  /**
   * Issuances in progress, for `stop`. A listener for each on one shared signal would make adding a listener linear in
   * their number.
   */
  readonly #inProgress = new Set<AbortController>();

  constructor(options: CertManagerIssuerOptions) {
    this.#options = options;
    this.#watch = new ResourceWatch({
      client: options.client,
      clock: options.clock,
      resource: certificateRequests,
      labelSelector: this.#ownSelector(),
      // Requests without a waiter are not even copied.
      project: (raw) => {
        const view = viewCertificateRequest(raw);
        if (!this.#isListed) this.#atStart.add(view);
        return this.#waiters.of(view).length > 0 ? view : undefined;
      },
      onEvent: ({ type, object }) => {
        for (const waiter of this.#waiters.of(object)) {
          if (type === 'DELETED') waiter.lose(object.uid);
          else waiter.offer(object);
        }
      },
      onSynced: (objects) => this.#catchUp(objects),
      ...(options.onWatchError && { onError: options.onWatchError }),
    });
  }

  /** Starts the watch. Requests may be issued before it is ready. */
  start(): void {
    this.#watch.start();
  }

  /** Resolves once the watch has listed this node's requests. */
  get ready(): Promise<void> {
    return this.#watch.ready;
  }

  /** Number of issuances in progress. */
  get waiting(): number {
    return this.#waiters.size;
  }

  async issue(request: IssueRequest, signal: AbortSignal, onCreated?: () => void): Promise<IssuerResponse> {
    const target = { namespace: request.spec.pod.namespace, name: request.requestName };
    const [isOwned, isAskedFor] = [ownedBy(request), asksFor(request.csrPem)];
    const waiter = new RequestWaiter((view) => isOwned(view) && isAskedFor(view));
    const work = new AbortController();
    const abort = (): void => work.abort();
    signal.addEventListener('abort', abort, { once: true });
    this.#inProgress.add(work);
    let cancelNotice: CancelTimer | undefined;
    const cancelReads = this.#readWhileBlind(target, waiter);
    // Before the create: the result may arrive before the response to the create.
    this.#waiters.add(target, waiter);
    try {
      if (signal.aborted || this.#stop.signal.aborted) abort();
      const aborted = rejectOnAbort(work.signal);
      cancelNotice = this.#noticeLater(request, waiter);
      const created = this.#createOrResume(request, work.signal).then((view) => {
        onCreated?.();
        waiter.accept(view);
        // The API server has just responded, so the watch need not wait for its back-off.
        if (!this.#watch.isOpen) this.#watch.retryNow();
        return waiter.settled;
      });
      return await Promise.race([waiter.settled, created, aborted]);
    } catch (thrown) {
      throw work.signal.aborted ? this.#unanswered(target, waiter, signal) : thrown;
    } finally {
      cancelNotice?.();
      cancelReads();
      this.#waiters.delete(target, waiter);
      signal.removeEventListener('abort', abort);
      this.#inProgress.delete(work);
      // Ends a create whose response is no longer needed. Otherwise aborting would only create errors with stack
      // traces.
      if (waiter.uid === '') work.abort();
    }
  }

  /**
   * Reports once why the request is pending, long before the attempt times out, so that a missing issuer is noticed
   * early.
   */
  #noticeLater({ onPending }: IssueRequest, waiter: RequestWaiter): CancelTimer | undefined {
    if (onPending === undefined) return undefined;
    return this.#options.clock.schedule(pendingNoticeMs, () => {
      if (waiter.uid !== '') onPending(waiter.pendingMessage);
    });
  }

  /** Reads a request repeatedly for as long as the watch cannot report its result. */
  #readWhileBlind(target: WaitedRequest, waiter: RequestWaiter): CancelTimer {
    let isEnded = false;
    let cancel: CancelTimer = () => undefined;
    const read = async (): Promise<void> => {
      if (waiter.uid !== '' && !this.#watch.isOpen) await this.#confirm(target, waiter);
      if (!isEnded) schedule();
    };
    const schedule = (): void => {
      cancel = this.#options.clock.schedule(blindReadMs, () => void read());
    };
    schedule();
    return () => {
      isEnded = true;
      cancel();
    };
  }

  async discard(request: Pick<IssueRequest, 'requestName' | 'volumeId' | 'spec'>): Promise<void> {
    const { client } = this.#options;
    const target = {
      resource: certificateRequests,
      namespace: request.spec.pod.namespace,
      name: request.requestName,
    };
    try {
      const view = viewCertificateRequest(await client.request({ verb: 'get', ...target }));
      if (!ownedBy(request)(view)) return;
      // With a precondition: the name may belong to another object by now.
      await client.request({ verb: 'delete', ...target, body: { preconditions: { uid: view.uid } } });
    } catch (thrown) {
      const { code } = asCertfleetError(thrown);
      if (code !== 'not-found' && code !== 'aborted') throw thrown;
    }
  }

  takeRequestsAtStart(volumeId: string): readonly string[] {
    return this.#atStart.take(volumeId);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const work of this.#inProgress) work.abort();
    await this.#watch.stop();
  }

  #ownSelector(): string {
    return `${nodeIdHashLabel}=${idHash(this.#options.nodeId)}`;
  }

  async #createOrResume(request: IssueRequest, signal: AbortSignal): Promise<CertificateRequestView> {
    const { client, nodeId } = this.#options;
    const { namespace } = request.spec.pod;
    const target = { resource: certificateRequests, namespace };
    try {
      const raw = await client.request({
        verb: 'create',
        ...target,
        body: certificateRequestManifest(request, nodeId),
        // A create that succeeded although its response was lost returns AlreadyExists, and is resumed below.
        repeatable: true,
        signal,
        ...(request.serviceAccountToken === undefined ? {} : { bearer: request.serviceAccountToken }),
      });
      return viewCertificateRequest(raw);
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      if (error.code !== 'already-exists') throw explainRefusal(error, namespace);
    }
    const view = await this.#get({ namespace, name: request.requestName }, signal);
    const isOwned = ownedBy(request)(view);
    if (isOwned && asksFor(request.csrPem)(view)) return view;
    const name = `certificate request ${namespace}/${request.requestName}`;
    if (isOwned) {
      // The key was lost with the node's memory, for example in a reboot, so its certificate would be useless.
      const message = `${name} exists but has another key`;
      throw new CertfleetError('already-exists', message, { reason: 'RequestStale' });
    }
    const message = `${name} exists but belongs to a different volume`;
    throw new CertfleetError('failed-precondition', message, { reason: 'RequestForeign' });
  }

  async #get(request: WaitedRequest, signal: AbortSignal): Promise<CertificateRequestView> {
    return viewCertificateRequest(
      await this.#options.client.request({ verb: 'get', resource: certificateRequests, ...request, signal }),
    );
  }

  /** Passes the waiters the changes of the time when the watch was down. */
  #catchUp(listed: readonly CertificateRequestView[]): void {
    this.#isListed = true;
    for (const view of listed) for (const waiter of this.#waiters.of(view)) waiter.offer(view);
    for (const request of this.#waiters.missingFrom(listed)) {
      for (const waiter of this.#waiters.of(request)) {
        // Not in the list: either deleted, or the list is older than the request. A get of the object decides.
        if (waiter.uid !== '') void this.#confirm(request, waiter);
      }
    }
  }

  async #confirm(request: WaitedRequest, waiter: RequestWaiter): Promise<void> {
    try {
      const view = await this.#get(request, this.#stop.signal);
      if (view.uid === waiter.uid) waiter.offer(view);
      else waiter.lose(waiter.uid);
    } catch (thrown) {
      if (asCertfleetError(thrown).code === 'not-found') waiter.lose(waiter.uid);
    }
  }

  #unanswered(target: WaitedRequest, waiter: RequestWaiter, signal: AbortSignal): CertfleetError {
    const request = `certificate request ${target.namespace}/${target.name}`;
    const blind = this.#watch.isOpen ? '' : '; the watch of certificate requests is down';
    const state = `${request} is still pending: ${waiter.pendingMessage}${blind}`;
    return new CertfleetError(isDeadline(signal) ? 'deadline-exceeded' : 'cancelled', state, {
      reason: waiter.isUnapproved ? 'RequestUnapproved' : 'RequestPending',
    });
  }
}

/** True for AbortSignal.timeout() and the agent's own deadlines; false if the caller cancelled. */
function isDeadline(signal: AbortSignal): boolean {
  const reason: unknown = signal.reason;
  if (reason instanceof CertfleetError) return reason.code === 'deadline-exceeded';
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(new CertfleetError('cancelled', 'the issuance was aborted'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
