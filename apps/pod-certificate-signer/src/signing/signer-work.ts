import type { X509Certificate } from 'node:crypto';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { checkedChain } from '../issuers/check-chain.ts';
import type { IssuedChain, Issuer } from '../issuers/issuer.ts';
import type { SignerObserver } from '../observability/signer-metrics.ts';
import { decide } from '../policy/decide.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import { Denial } from '../policy/denial.ts';
import type { SignerPolicy } from '../policy/signer-policy.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import type { RequestStatus } from '../requests/request-status.ts';
import { deniedStatus, issuedStatus } from './answer.ts';
import type { RefreshPlan } from './answer.ts';
import type { AnswerMemory } from './answer-memory.ts';
import type { Lane } from './lane.ts';
import { oldestOf } from './places.ts';
import type { Place, Places } from './places.ts';
import { PodShares } from './pod-shares.ts';
import { RefreshSpread } from './refresh-spread.ts';
import { RequestQueue } from './request-queue.ts';
import type { QueuedRequest } from './request-queue.ts';
import { RequestRetries } from './request-retries.ts';

export interface SignerWorkOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: SignerPolicy;
  readonly issuer: Issuer;
  readonly lane: Lane;
  /** How refreshes of equal certificates are spread. */
  readonly spread: () => Pick<LanePolicy, 'jitter' | 'maxJitterMs'>;
  readonly isStarting: (podUid: string) => boolean;
  /** The newest version of a request; undefined if it was removed or answered. */
  readonly latest: (uid: string) => PodCertificateRequest | undefined;
  readonly writeStatus: (request: PodCertificateRequest, status: RequestStatus) => Promise<void>;
  readonly places: Places;
  readonly answers: AnswerMemory;
  readonly observer: SignerObserver;
}

interface Undecided {
  readonly podUid: string;
  readonly place: Place;
}

interface FailedDecision {
  readonly at: 'signer' | 'api';
  readonly thrown: unknown;
  readonly message: string;
}

/** How many requests are decided in one turn of the event loop: each verifies a signature. */
const decidedAtOnce = 32;

/** The work of one PodCertificateSigner, while this process leads: decides, denies, signs and answers. */
export class SignerWork {
  readonly #options: SignerWorkOptions;
  readonly #queue: RequestQueue;
  readonly #spread = new RefreshSpread();
  readonly #shares = new PodShares();
  readonly #stop = new AbortController();
  readonly #retries: RequestRetries;
  /** Requests that the policy has not allowed: without a decision, or with a denial that is not written yet. */
  readonly #undecided = new Map<string, Undecided>();
  /** Those to be decided now; the others wait for a repetition, or for their denial. */
  readonly #toDecide = new Set<string>();
  #isScheduled = false;
  #problem: string | undefined;
  #lastLogged: string | undefined;

  constructor(options: SignerWorkOptions) {
    this.#options = options;
    const { clock, lane, isStarting } = options;
    this.#retries = new RequestRetries(clock);
    this.#queue = new RequestQueue({
      clock,
      lane,
      isStarting,
      answer: (queued) => this.#sign(queued),
      onFailure: (queued, thrown) => this.#failed(queued, thrown),
    });
  }

  get policy(): SignerPolicy {
    return this.#options.policy;
  }

  /** The CAs that verifiers of its certificates must trust; empty while they are not known. */
  async trustAnchors(): Promise<readonly X509Certificate[]> {
    return await this.#options.issuer.trustAnchors();
  }

  /** Requests without an answer. */
  get pending(): number {
    return this.#undecided.size + this.#queue.size + this.#shares.waiting;
  }

  /** Why the issuer did not sign the last request; undefined after a success. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** How long a pod that starts has waited for its certificate, at most; 0 if none waits. */
  get oldestStartingMs(): number {
    const { clock, isStarting } = this.#options;
    const undecided = this.#undecided.values().flatMap(({ podUid, place }) => (isStarting(podUid) ? [place] : []));
    const sinceMs = Math.min(oldestOf(undecided) ?? Infinity, this.#queue.oldestStartingMs ?? Infinity);
    return Math.max(0, clock.monotonic() - sinceMs);
  }

  put(request: PodCertificateRequest): void {
    const { uid, identity } = request;
    if (this.#stop.signal.aborted || this.#options.answers.has(uid)) return;
    if (this.#queue.has(uid) || this.#undecided.has(uid) || !this.#shares.enter(uid, identity.pod.uid)) return;
    this.#undecided.set(uid, { podUid: identity.pod.uid, place: this.#options.places.take(request) });
    this.#decideSoon(uid);
  }

  remove(uid: string): void {
    this.#settle(uid);
    this.#queue.remove(uid);
    const next = this.#options.latest(this.#shares.leave(uid) ?? '');
    if (next !== undefined) this.put(next);
  }

  /** The pod of these requests starts, or does not start any more. */
  podChanged(podUid: string): void {
    this.#queue.reclassify(podUid);
  }

  stop(): void {
    this.#stop.abort(new CertfleetError('cancelled', 'the signer stops'));
    this.#queue.stop();
    this.#retries.stop();
    this.#undecided.clear();
    this.#toDecide.clear();
    this.#shares.clear();
  }

  #decideSoon(uid: string): void {
    this.#toDecide.add(uid);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.clock.schedule(0, () => this.#decideSome());
  }

  #decideSome(): void {
    this.#isScheduled = false;
    for (const uid of [...this.#toDecide].slice(0, decidedAtOnce)) {
      this.#toDecide.delete(uid);
      this.#decide(uid);
    }
    if (this.#toDecide.size > 0) this.#schedule();
  }

  #decide(uid: string): void {
    const { policy, latest } = this.#options;
    const [request, place] = [latest(uid), this.#undecided.get(uid)?.place];
    if (request === undefined || place === undefined) {
      this.#settle(uid);
      return;
    }
    try {
      const order = decide(request, policy);
      this.#settle(uid);
      this.#queue.put({ request, order, place });
    } catch (thrown) {
      if (thrown instanceof Denial) void this.#deny(request, thrown);
      // A fault of the signer: the request stays pending, because a failure would be final for the pod.
      else this.#decideLater(request, { at: 'signer', thrown, message: 'cannot decide about a request, retrying' });
    }
  }

  async #deny(request: PodCertificateRequest, denial: Denial): Promise<void> {
    const { clock, log, policy, observer, places } = this.#options;
    try {
      await this.#answer(request, deniedStatus(denial, clock.now()));
      this.#settle(request.uid);
      places.release(request);
      observer.denied(policy.name, denial.reason);
      log.info({ ...namesOf(request), reason: denial.reason, error: denial.message }, 'request denied');
    } catch (thrown) {
      this.#decideLater(request, { at: 'api', thrown, message: 'cannot deny a request, retrying' });
    }
  }

  /** Decides again after a back-off, about the newest version of the request. */
  #decideLater(request: PodCertificateRequest, { at, thrown, message }: FailedDecision): void {
    const { log, observer, policy } = this.#options;
    const { uid } = request;
    if (this.#stop.signal.aborted || !this.#undecided.has(uid)) return;
    observer.failed(policy.name, at);
    log.warn({ ...namesOf(request), error: asCertfleetError(thrown).message }, message);
    this.#retries.later(uid, () => this.#decideSoon(uid));
  }

  /** The request needs no further decision. */
  #settle(uid: string): void {
    this.#retries.end(uid);
    this.#toDecide.delete(uid);
    this.#undecided.delete(uid);
  }

  async #sign({ request, order, place }: QueuedRequest): Promise<'signed' | 'ended'> {
    const { clock, observer, policy, places, isStarting, latest, log } = this.#options;
    const current = latest(request.uid);
    if (current === undefined) return 'ended';
    const chain = await this.#issue(order);
    this.#stop.signal.throwIfAborted();
    const kind = isStarting(request.identity.pod.uid) ? 'new' : 'refresh';
    await this.#answer(current, issuedStatus(chain, this.#planOf(order, chain), clock.now()));
    places.release(request);
    observer.issued(policy.name, kind, clock.monotonic() - place.sinceMs);
    log.debug({ ...namesOf(request), kind, notAfter: chain.notAfter }, 'request signed');
    return 'signed';
  }

  async #issue(order: CertificateOrder): Promise<IssuedChain> {
    try {
      const signed = await this.#options.issuer.sign(order, this.#stop.signal);
      const chain = checkedChain(signed.certificateChain, order);
      this.#problem = undefined;
      return chain;
    } catch (thrown) {
      const { message, retryAfterMs } = asCertfleetError(thrown);
      throw new IssuerFailure(message, retryAfterMs);
    }
  }

  #planOf({ renewBeforeSeconds }: CertificateOrder, { notBefore, notAfter }: IssuedChain): RefreshPlan {
    const lifetimeMs = notAfter.getTime() - notBefore.getTime();
    return { renewBeforeSeconds, earlierMs: this.#spread.nextEarlierMs(lifetimeMs, this.#options.spread()) };
  }

  /**
   * Writes a final status; a request that is gone needs none.
   * @throws CertfleetError aborted with reason Conflict if the request has changed: its newest version is tried again
   */
  async #answer(request: PodCertificateRequest, status: RequestStatus): Promise<void> {
    const { writeStatus, answers } = this.#options;
    try {
      await writeStatus(request, status);
    } catch (thrown) {
      if (asCertfleetError(thrown).code !== 'not-found') throw thrown;
    }
    answers.add(request.uid);
  }

  #failed({ request }: QueuedRequest, thrown: unknown): 'failed' | 'ended' {
    if (this.#stop.signal.aborted) return 'ended';
    const { log, observer, policy } = this.#options;
    const isOfIssuer = thrown instanceof IssuerFailure;
    const { message } = isOfIssuer ? thrown : asCertfleetError(thrown);
    observer.failed(policy.name, isOfIssuer ? 'issuer' : 'api');
    // Once per cause, not per request.
    if (message !== this.#lastLogged) log.warn({ ...namesOf(request), error: message }, 'cannot sign, retrying');
    this.#lastLogged = message;
    if (!isOfIssuer) return 'ended';
    this.#problem = message;
    return 'failed';
  }
}

/** The issuer did not sign: its lane backs off. */
class IssuerFailure extends Error {
  override readonly name = 'IssuerFailure';
  /** How long it asked to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs: number | undefined) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

function namesOf({ namespace, name, identity }: PodCertificateRequest): object {
  return { namespace, request: name, pod: identity.pod.name };
}
