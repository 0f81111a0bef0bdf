import { createHash } from 'node:crypto';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Caller, CallerTraces, OperatorGate } from '../../identity/operator-gate.ts';

export interface EventStreamsOptions {
  readonly gate: OperatorGate;
  readonly clock: Clock;
}

/** The credentials that opened a stream, and how to end it. */
export interface CheckedStream {
  readonly caller: Caller;
  readonly traces: CallerTraces;
  readonly end: () => void;
}

/**
 * A revoked right, or a sign-out on another replica, ends a stream within this interval plus the TTL of the gate's
 * cache.
 */
const checkEveryMs = 10_000;

/** Ends event streams whose session or right has ended. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #bySession = new Map<string, Set<() => void>>();

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  /**
   * Starts the checks of a stream.
   * @returns a function that stops them
   */
  watch(stream: CheckedStream): () => void {
    const key = stream.traces.cookie === undefined ? undefined : hash(stream.traces.cookie);
    const ends = key === undefined ? undefined : (this.#bySession.get(key) ?? new Set());
    if (key !== undefined && ends !== undefined) this.#bySession.set(key, ends.add(stream.end));
    let cancel: CancelTimer = () => undefined;
    let isOver = false;
    const arm = (): void => {
      if (isOver) return;
      cancel = this.#options.clock.schedule(checkEveryMs, () => {
        void this.#mayGoOn(stream).then((mayGoOn) => (mayGoOn || isOver ? arm() : stream.end()));
      });
    };
    arm();
    return () => {
      isOver = true;
      cancel();
      ends?.delete(stream.end);
      if (key !== undefined && ends?.size === 0) this.#bySession.delete(key);
    };
  }

  /** Ends the streams of a closed session. */
  signedOut(cookie: string): void {
    for (const end of this.#bySession.get(hash(cookie)) ?? []) end();
  }

  /** Never rejects: the stream stays open if the check is unavailable. */
  async #mayGoOn({ caller, traces }: CheckedStream): Promise<boolean> {
    const { gate } = this.#options;
    try {
      const { user } = await gate.identify(traces);
      return user.username === caller.user.username && (await gate.allows(user, 'view'));
    } catch (thrown) {
      const { code } = asCertfleetError(thrown);
      return code !== 'unauthenticated' && code !== 'permission-denied';
    }
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
