import { CertfleetError } from '@certfleet/shared/errors.ts';

import type { CertificateRequestView } from './certificate-request.ts';
import type { IssuerResponse } from './certificate-issuer.ts';
import { outcomeOf } from './request-outcome.ts';

/** One issuance that waits for its CertificateRequest to be answered. */
export class RequestWaiter {
  readonly #isOurs: (view: CertificateRequestView) => boolean;
  readonly #settled = Promise.withResolvers<IssuerResponse>();
  #uid = '';
  #lostUid = '';
  /** What the request last said of itself. */
  pendingMessage = 'the api server has not answered yet';
  /** Whether it waits for an approver. */
  isUnapproved = false;

  constructor(isOurs: (view: CertificateRequestView) => boolean) {
    this.#isOurs = isOurs;
    // An issuance that failed otherwise no longer looks at this.
    this.#settled.promise.catch(() => undefined);
  }

  /** The answer; rejects when the request is denied, has failed or is gone. */
  get settled(): Promise<IssuerResponse> {
    return this.#settled.promise;
  }

  /** Takes in a state of the request. Another's object of the same name says nothing about ours. */
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

  /** Takes in the object that was created or resumed. */
  accept(view: CertificateRequestView): void {
    this.#uid = view.uid;
    this.offer(view);
    // The watch may have told of its end before the create's response was here.
    if (this.#lostUid === view.uid) this.lose(view.uid);
  }

  /** Uid of the object that is awaited; empty while the API server has not answered. */
  get uid(): string {
    return this.#uid;
  }

  /** Ends the wait when the object of that uid, which is no more, is ours. */
  lose(uid: string): void {
    this.#lostUid = uid;
    if (uid !== this.#uid) return;
    this.#settled.reject(
      new CertfleetError('aborted', 'the certificate request was deleted before it was answered', {
        reason: 'RequestDeleted',
      }),
    );
  }
}

/** Which object a waiter waits for. */
export interface WaitedRequest {
  readonly namespace: string;
  readonly name: string;
}

/** The waiters of all issuances under way, by namespace and name. */
export class RequestWaiters {
  readonly #byKey = new Map<string, Set<RequestWaiter>>();

  /** Waiting issuances. */
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

  /** The awaited requests that are not in a list. */
  missingFrom(listed: readonly WaitedRequest[]): readonly WaitedRequest[] {
    const found = new Set(listed.map(keyOf));
    return [...this.#byKey.keys()].filter((key) => !found.has(key)).map(requestOf);
  }
}

/** Neither a namespace nor a name may hold a slash. */
function keyOf(request: WaitedRequest): string {
  return `${request.namespace}/${request.name}`;
}

function requestOf(key: string): WaitedRequest {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}
