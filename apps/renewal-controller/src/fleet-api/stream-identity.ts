import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { IdentifyAgent } from '../identity/agent-identity.ts';
import { tokenClaims } from '../identity/token-review.ts';

export interface StreamIdentityOptions {
  readonly node: string;
  readonly token: string;
  readonly source: string;
  readonly identify: IdentifyAgent;
  readonly clock: Clock;
  /** The token is no longer valid for this node: the stream must end. */
  readonly onRevoked: (reason: CertfleetError) => void;
}

/** A stream ends within this interval, plus the time of a review, after its token was revoked. */
const reviewEveryMs = 45_000;
/** Interval after a review that failed to complete. */
const retryMs = 15_000;
/** Maximum age of the review on which Redis credentials are issued. */
const confirmedForMs = 15_000;

/** Codes that reject the token itself; others mean that the review could not be made. */
const refusals: ReadonlySet<string> = new Set(['unauthenticated', 'permission-denied']);

/**
 * Rechecks the token of an open stream. The stream ends when the token is no longer valid, and at the latest when the
 * lifetime of the token is over.
 */
export class StreamIdentity {
  readonly #options: StreamIdentityOptions;
  #confirmedMs: number;
  #cancelReview: CancelTimer | undefined;
  #cancelAge: CancelTimer | undefined;
  #isStopped = false;

  /** The caller has just reviewed the token. */
  constructor(options: StreamIdentityOptions) {
    this.#options = options;
    this.#confirmedMs = options.clock.monotonic();
  }

  start(): void {
    const { clock, token, onRevoked } = this.#options;
    const { issuedMs, expiresMs } = tokenClaims(token);
    // Both times come from the token's issuer, so the local clock does not matter.
    if (issuedMs !== undefined && expiresMs !== undefined) {
      this.#cancelAge = clock.schedule(expiresMs - issuedMs, () =>
        onRevoked(
          new CertfleetError('unauthenticated', 'the token of this stream has expired: connect with a new one'),
        ),
      );
    }
    this.#reviewIn(reviewEveryMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelReview?.();
    this.#cancelAge?.();
  }

  /**
   * Confirms by a recent review that the token still belongs to the node.
   * @throws CertfleetError unauthenticated or permission-denied, which also ends the stream; retryable codes if the
   *   review could not be made
   */
  async confirm(): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#confirmedMs < confirmedForMs) return;
    await this.#review();
  }

  async #review(): Promise<void> {
    const { identify, token, source, node, clock, onRevoked } = this.#options;
    const askedMs = clock.monotonic();
    try {
      const found = await identify(token, { source, isFresh: true });
      if (found !== node) throw new CertfleetError('permission-denied', 'the token now belongs to another node');
      this.#confirmedMs = askedMs;
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      if (refusals.has(error.code)) {
        const message = `the token of this stream is no longer valid: ${error.message}`;
        onRevoked(new CertfleetError(error.code, message, { reason: 'Revoked' }));
      }
      throw error;
    }
  }

  #reviewIn(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancelReview = this.#options.clock.schedule(delayMs, () => {
      // A rejection has ended the stream; other failures are retried.
      this.#review().then(
        () => this.#reviewIn(reviewEveryMs),
        () => this.#reviewIn(retryMs),
      );
    });
  }
}
