import { CertfleetError } from '@certfleet/shared/errors.ts';

import type { CertificateRequestView } from './certificate-request.ts';
import type { IssuerResponse } from './certificate-issuer.ts';
import { outcomeOf } from './request-outcome.ts';

/** One issuance that waits for its CertificateRequest. */
export class RequestWaiter {
  readonly #isOurs: (view: CertificateRequestView) => boolean;
  readonly #settled = Promise.withResolvers<IssuerResponse>();
  #uid = '';
  #lostUid = '';
  /** The last status message of the request. */
  pendingMessage = 'the API server has not answered yet';
  /** Whether the request waits for approval. */
  isUnapproved = false;

  constructor(isOurs: (view: CertificateRequestView) => boolean) {
    this.#isOurs = isOurs;
    // Nothing awaits it if the issuance failed for another reason.
    this.#settled.promise.catch(() => undefined);
  }

  /** The result; rejects if the request is denied, has failed or was deleted. */
  get settled(): Promise<IssuerResponse> {
    return this.#settled.promise;
  }

  /** Processes a state of the request. Another object of the same name is ignored. */
  offer(view: CertificateRequestView): void {
    if (!this.#isOurs(view)) return;
    const outcome = outcomeOf(view);
    if (outcome.kind === 'issued') this.#settled.resolve(outcome.response);
    else if (outcome.kind === 'failed') this.#settled.reject(outcome.error);
    else {
      this.pendingMessage = outcome.message;
      this.isUnapproved = outcome.isUnapproved;
    }
  }

  /** Processes the object that was created or resumed. */
  accept(view: CertificateRequestView): void {
    this.#uid = view.uid;
    this.offer(view);
    // The watch may have reported its deletion before the response to the create.
    if (this.#lostUid === view.uid) this.lose(view.uid);
  }

  /** Uid of the awaited object; empty until the API server has answered. */
  get uid(): string {
    return this.#uid;
  }

  /** Ends the wait if the deleted object with that uid is the awaited one. */
  lose(uid: string): void {
    this.#lostUid = uid;
    if (uid !== this.#uid) return;
    this.#settled.reject(
      new CertfleetError('aborted', 'the certificate request was deleted before the issuer answered it', {
        reason: 'RequestDeleted',
      }),
    );
  }
}

/** Namespace and name of an awaited request. */
export interface WaitedRequest {
  readonly namespace: string;
  readonly name: string;
}

/** The waiters of all issuances in progress, by namespace and name. */
export class RequestWaiters {
  readonly #byKey = new Map<string, Set<RequestWaiter>>();

  /** Number of waiting issuances. */
  get size(): number {
    let size = 0;
    for (const waiters of this.#byKey.values()) size += waiters.size;
    return size;
  }

  add(request: WaitedRequest, waiter: RequestWaiter): void {
    const key = keyOf(request);
    const waiters = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, waiters.add(waiter));
  }

  delete(request: WaitedRequest, waiter: RequestWaiter): void {
    const key = keyOf(request);
    const waiters = this.#byKey.get(key);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byKey.delete(key);
  }

  of(request: WaitedRequest): readonly RequestWaiter[] {
    return [...(this.#byKey.get(keyOf(request)) ?? [])];
  }

  /** The awaited requests that a list does not contain. */
  missingFrom(listed: readonly WaitedRequest[]): readonly WaitedRequest[] {
    const found = new Set(listed.map(keyOf));
    return [...this.#byKey.keys()].filter((key) => !found.has(key)).map(requestOf);
  }
}

/** Namespaces and names cannot contain a slash. */
function keyOf(request: WaitedRequest): string {
  return `${request.namespace}/${request.name}`;
}

function requestOf(key: string): WaitedRequest {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}
