import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

export interface AccessFeedOptions {
  readonly node: string;
  readonly grant: (node: string) => Promise<RedisAccess>;
  /** Whether the given credentials still work. */
  readonly stands: (access: RedisAccess) => Promise<boolean>;
  readonly send: (access: RedisAccess) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const firstRetryMs = 500;
const maxRetryMs = 30_000;
/** Interval between checks that the node's Redis user still exists. */
const checkMs = 60_000;
/** The first check: another replica may have changed the user at the same time. */
const firstCheckMs = 5_000;

/**
 * Keeps one agent supplied with Redis credentials for its queue: issues them at once, renews them at half of their
 * lifetime, and issues new ones if the node's user is missing in Redis. Retries with back-off while Redis is
 * unavailable.
 */
export class AccessFeed {
  readonly #options: AccessFeedOptions;
  #cancelTimer: CancelTimer | undefined;
  #cancelCheck: CancelTimer | undefined;
  #failures = 0;
  #granting: Promise<void> = Promise.resolve();
  /** Sequence number of `renew` calls; a late result of an earlier call is ignored. */
  #turn = 0;
  #stopped = false;

  constructor(options: AccessFeedOptions) {
    this.#options = options;
  }

  /** Issues and sends new credentials now. */
  async renew(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelCheck?.();
    const turn = ++this.#turn;
    // Of two grants at once, the first could be stored last, and the agent would have the credentials of the second.
    this.#granting = this.#granting.then(() => this.#grant(turn));
    await this.#granting;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelCheck?.();
  }

  async #grant(turn: number): Promise<void> {
    if (this.#isStale(turn)) return;
    const { node, grant, send, clock, log } = this.#options;
    try {
      const access = await grant(node);
      if (this.#isStale(turn)) return;
      this.#failures = 0;
      send(access);
      const leftMs = (access.expiresAt?.getTime() ?? 0) - clock.now();
      this.#renewIn(Math.max(leftMs / 2, firstRetryMs));
      this.#checkLater(access, turn, firstCheckMs);
    } catch (thrown) {
      if (this.#isStale(turn)) return;
      const { message, reason } = asCertfleetError(thrown);
      if (this.#failures === 0)
        log.warn({ node, error: message, reason }, 'cannot issue Redis credentials for node, retrying');
      this.#renewIn(Math.min(firstRetryMs * 2 ** this.#failures, maxRetryMs));
      this.#failures += 1;
    }
  }

  #checkLater(access: RedisAccess, turn: number, delayMs = checkMs): void {
    this.#cancelCheck = this.#options.clock.schedule(delayMs, () => void this.#check(access, turn));
  }

  async #check(access: RedisAccess, turn: number): Promise<void> {
    const { node, stands, log } = this.#options;
    // An unavailable Redis does not mean that the user is missing.
    const isThere = await stands(access).catch(() => true);
    if (this.#isStale(turn)) return;
    if (isThere) {
      this.#checkLater(access, turn);
      return;
    }
    log.warn({ node }, 'Redis user of a connected node is missing, creating it again');
    await this.renew();
  }

  #isStale(turn: number): boolean {
    return this.#stopped || turn !== this.#turn;
  }

  #renewIn(delayMs: number): void {
    this.#cancelTimer = this.#options.clock.schedule(delayMs, () => void this.renew());
  }
}
