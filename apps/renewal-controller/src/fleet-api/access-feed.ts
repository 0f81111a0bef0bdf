import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

/** What a feed works with. */
export interface AccessFeedOptions {
  readonly node: string;
  readonly grant: (node: string) => Promise<RedisAccess>;
  /** Whether access that was given still works. */
  readonly stands: (access: RedisAccess) => Promise<boolean>;
  readonly send: (access: RedisAccess) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const firstRetryMs = 500;
const maxRetryMs = 30_000;
/** Between two looks at whether Redis still has the node's user. */
const checkMs = 60_000;

/**
 * Keeps one agent in possession of access to its queue: at once, again at half of its life, and again whenever Redis may
 * have forgotten its users. It looks every minute whether they are still there. While Redis is away it tries again.
 */
export class AccessFeed {
  readonly #options: AccessFeedOptions;
  #cancelTimer: CancelTimer | undefined;
  #cancelCheck: CancelTimer | undefined;
  #failures = 0;
  /** Counts the calls, so that an answer to an earlier one arms no second timer. */
  #turn = 0;
  #stopped = false;

  constructor(options: AccessFeedOptions) {
    this.#options = options;
  }

  /** Grants and sends now. */
  async renew(): Promise<void> {
    const { node, grant, send, clock, log } = this.#options;
    this.#cancelTimer?.();
    this.#cancelCheck?.();
    const turn = ++this.#turn;
    try {
      const access = await grant(node);
      if (this.#isPast(turn)) return;
      this.#failures = 0;
      send(access);
      const leftMs = (access.expiresAt?.getTime() ?? 0) - clock.now();
      this.#renewIn(Math.max(leftMs / 2, firstRetryMs));
      this.#checkLater(access, turn);
    } catch (thrown) {
      if (this.#isPast(turn)) return;
      const { message, reason } = asCertfleetError(thrown);
      if (this.#failures === 0) log.warn({ node, error: message, reason }, 'no access to its queue for a node yet');
      this.#renewIn(Math.min(firstRetryMs * 2 ** this.#failures, maxRetryMs));
      this.#failures += 1;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelCheck?.();
  }

  #checkLater(access: RedisAccess, turn: number): void {
    this.#cancelCheck = this.#options.clock.schedule(checkMs, () => void this.#check(access, turn));
  }

  async #check(access: RedisAccess, turn: number): Promise<void> {
    const { node, stands, log } = this.#options;
    // While Redis is away nothing is known of its users.
    const isThere = await stands(access).catch(() => true);
    if (this.#isPast(turn)) return;
    if (isThere) {
      this.#checkLater(access, turn);
      return;
    }
    log.warn({ node }, 'redis no longer has the user of a connected node, making it anew');
    await this.renew();
  }

  #isPast(turn: number): boolean {
    return this.#stopped || turn !== this.#turn;
  }

  #renewIn(delayMs: number): void {
    this.#cancelTimer = this.#options.clock.schedule(delayMs, () => void this.renew());
  }
}
