import { randomUUID } from 'node:crypto';
import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { FleetIndex } from '../fleet-index/fleet-index.ts';
import type { NodeSession } from '../fleet-index/model/node-session.ts';

interface NodeSessionsParts {
  readonly node: string;
  readonly index: Pick<FleetIndex, 'openSession'> & Partial<Pick<FleetIndex, 'currentSession'>>;
  readonly replica: string;
  readonly clock: Clock;
}

/** Delay between attempts while Redis is unavailable. */
const redisRetryMs = 1_000;
/** Timeout of one attempt to read the session. The agent gives up after 15 s without a welcome, which waits for one. */
const readTimeoutMs = 2_000;

/** The node has another session than this stream. */
export function superseded(): CertfleetError {
  return new CertfleetError('aborted', 'superseded by a newer stream of this node', { reason: 'Superseded' });
}

/** Reads and opens the session of one node in Redis, and waits while Redis is unavailable. */
export class NodeSessions {
  readonly #parts: NodeSessionsParts;
  readonly #signal: AbortSignal;

  /** @param signal ends every wait; the methods then throw its reason */
  constructor(parts: NodeSessionsParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** The id of the node's current session; waits for Redis. */
  async read(): Promise<string> {
    for (;;) {
      const session = await this.tryRead();
      if (session !== undefined) return session;
      await this.pause();
    }
  }

  /** The id of the node's current session; undefined if Redis does not answer in time. */
  async tryRead(): Promise<string | undefined> {
    const { index, node, clock } = this.#parts;
    if (index.currentSession === undefined) return '';
    const reading = index.currentSession(node).catch(() => undefined);
    const timeout = Promise.withResolvers<undefined>();
    const cancel = clock.schedule(readTimeoutMs, () => timeout.resolve(undefined));
    const session = await Promise.race([reading, timeout.promise]);
    cancel();
    return session;
  }

  /** @throws CertfleetError aborted, reason Superseded, if the node has another session than expected */
  async open(expected: string, agentVersion: string): Promise<NodeSession> {
    const { index, node, replica } = this.#parts;
    const entry = { id: randomUUID(), expected };
    for (;;) {
      try {
        return await index.openSession(node, { agentVersion, connectedTo: replica }, entry);
      } catch (thrown) {
        if (asCertfleetError(thrown).reason === 'Superseded') throw thrown;
        // The Redis connection already logs its failures.
        await this.pause();
      }
    }
  }

  /** Waits before the next attempt. */
  async pause(): Promise<void> {
    await delay(this.#parts.clock, redisRetryMs, this.#signal);
  }
}
