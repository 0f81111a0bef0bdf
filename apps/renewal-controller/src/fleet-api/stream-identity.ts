import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { IdentifyAgent } from '../identity/agent-identity.ts';
import { tokenClaims } from '../identity/token-review.ts';

/** Whose stream it is and how that is found out. */
export interface StreamIdentityOptions {
  readonly node: string;
  readonly token: string;
  readonly source: string;
  readonly identify: IdentifyAgent;
  readonly clock: Clock;
  /** The token is not the node's any more: the stream must end. */
  readonly onRevoked: (reason: CertfleetError) => void;
}

/** A node whose token was revoked is cut off within this time and that of a review. */
const reviewEveryMs = 45_000;
/** After a review that could not be made. */
const retryMs = 15_000;
/** How old a review may be that Redis credentials are given on. */
const confirmedForMs = 15_000;

/** Codes that say something of the token, rather than of whoever should review it. */
const refusals: ReadonlySet<string> = new Set(['unauthenticated', 'permission-denied']);

/**
 * The identity of an open stream: its token is reviewed again and again, and the stream ends when the token is not valid
 * any more, or after the lifetime of the token whatever the reviews say.
 */
export class StreamIdentity {
  readonly #options: StreamIdentityOptions;
  #confirmedMs: number;
  #cancelReview: CancelTimer | undefined;
  #cancelAge: CancelTimer | undefined;
  #isStopped = false;

  /** The token has just been reviewed. */
  constructor(options: StreamIdentityOptions) {
    this.#options = options;
    this.#confirmedMs = options.clock.monotonic();
  }

  start(): void {
    const { clock, token, onRevoked } = this.#options;
    const { issuedMs, expiresMs } = tokenClaims(token);
    // A difference of two times of one clock, its issuer's: ours does not matter.
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
   * Makes sure that the token is still the node's, by a review of the last seconds.
   * @throws CertfleetError unauthenticated or permission-denied, upon which the stream ends; retryable codes when it
   *   cannot be known now
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
      if (found !== node) throw new CertfleetError('permission-denied', 'the token speaks for another node now');
      this.#confirmedMs = askedMs;
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      if (refusals.has(error.code)) {
        const message = `the token of this stream is not valid any more: ${error.message}`;
        onRevoked(new CertfleetError(error.code, message, { reason: 'Revoked' }));
      }
      throw error;
    }
  }

  #reviewIn(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancelReview = this.#options.clock.schedule(delayMs, () => {
      // A refusal has ended the stream; what could not be asked is asked again.
      this.#review().then(
        () => this.#reviewIn(reviewEveryMs),
        () => this.#reviewIn(retryMs),
      );
    });
  }
}
