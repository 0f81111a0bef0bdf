import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import { Relayed } from '@certfleet/shared/gen/fleet/v1/relay.ts';
import type { Question, Refusal } from '@certfleet/shared/gen/fleet/v1/relay.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { Cluster } from 'ioredis';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import type { VolumeDescription, VolumeOfNode } from './node-questions.ts';
import { PendingAnswers } from './pending-answers.ts';

export interface QuestionRelayOptions {
  /** Publishes; commands fail at once while Redis is unavailable. */
  readonly redis: RedisClient;
  /** A separate connection: a subscribed connection accepts no other commands. */
  readonly subscriber: RedisClient;
  readonly keys: Pick<RedisKeys, 'replica'>;
  readonly replica: string;
  /** Asks an agent that is connected to this replica. */
  readonly describe: (node: string, volumeId: string) => Promise<VolumeDescription>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Longer than the other replica's own timeout, so that its error arrives first. */
const limits = { maxTotal: 64, maxPerParty: 64, timeoutMs: 7_000 };
const retryMs = { first: 1_000, max: 30_000 };
const maxMessageBytes = 1024 * 1024;
const emptyMessage = { question: undefined, answer: undefined, refusal: undefined };

/**
 * Relays requests between replicas by Redis publish/subscribe, so that no answer is stored. Each replica subscribes at
 * its start, because it cannot know when another replica will ask it. This takes one idle connection. Requests to a
 * replica and answers for it use the same channel.
 */
export class QuestionRelay {
  readonly #options: QuestionRelayOptions;
  readonly #pending: PendingAnswers<VolumeDescription>;
  #cancelRetry: CancelTimer | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: QuestionRelayOptions) {
    this.#options = options;
    this.#pending = new PendingAnswers(options.clock, limits);
  }

  start(): void {
    const { subscriber } = this.#options;
    subscriber.on('messageBuffer', this.#onMessage);
    subscriber.on('ready', this.#onReady);
    if (subscriber.status === 'ready') this.#onReady();
  }

  /** Rejects all pending requests. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    const { subscriber } = this.#options;
    subscriber.off('messageBuffer', this.#onMessage);
    subscriber.off('ready', this.#onReady);
    subscriber.disconnect();
    this.#pending.stop();
  }

  /**
   * Asks a node's agent through the replica that it is connected to.
   * @throws CertfleetError the other replica's error; unavailable if the replica or Redis is unavailable, with reason
   *   NotConnected if the agent is no longer connected there; deadline-exceeded; resource-exhausted
   */
  async describe(replica: string, { node, volumeId }: VolumeOfNode): Promise<VolumeDescription> {
    return await this.#pending.ask(replica, async (requestId) => {
      const receivers = await this.#publish(replica, { question: { node, describe: { requestId, volumeId } } });
      // In a Redis Cluster each server counts only its own subscribers.
      if (receivers > 0 || this.#options.redis instanceof Cluster) return;
      const message = `replica ${replica}, to which node ${node} was connected, is no longer running; try again soon`;
      throw new CertfleetError('unavailable', message, { reason: 'NotConnected' });
    });
  }

  async #subscribe(): Promise<void> {
    const { subscriber, keys, replica, log } = this.#options;
    try {
      await subscriber.subscribe(keys.replica(replica));
      this.#failures = 0;
      // Repeated: a Cluster client that switches to another server resubscribes only once and does not report a
      // failure.
      this.#subscribeIn(retryMs.max);
    } catch (thrown) {
      if (this.#stopped) return;
      const { message } = relayError(thrown);
      if (this.#failures === 0)
        log.warn({ error: message }, 'cannot subscribe to requests of other replicas, retrying');
      this.#subscribeIn(Math.min(retryMs.first * 2 ** this.#failures, retryMs.max));
      this.#failures += 1;
    }
  }

  #subscribeIn(delayMs: number): void {
    this.#cancelRetry?.();
    if (!this.#stopped) this.#cancelRetry = this.#options.clock.schedule(delayMs, () => void this.#subscribe());
  }

  /** A new connection has no subscriptions. */
  readonly #onReady = (): void => {
    this.#cancelRetry?.();
    void this.#subscribe();
  };

  readonly #onMessage = (_channel: Buffer, bytes: Buffer): void => {
    if (bytes.length > maxMessageBytes) return;
    try {
      this.#receive(Relayed.decode(bytes));
    } catch (thrown) {
      this.#options.log.debug({ error: String(thrown) }, 'malformed message from another replica');
    }
  };

  #receive({ from, question, answer, refusal }: Relayed): void {
    if (question !== undefined) void this.#answer(from, question);
    if (answer !== undefined) {
      const { requestId, ...description } = answer;
      this.#pending.answer(from, requestId, description);
    }
    if (refusal !== undefined) this.#pending.refuse(from, refusal.requestId, refusalError(refusal));
  }

  async #answer(from: string, { node, describe }: Question): Promise<void> {
    const { requestId = '', volumeId = '' } = describe ?? {};
    try {
      await this.#publish(from, await this.#outcome({ node, volumeId }, requestId));
    } catch (thrown) {
      this.#options.log.debug({ error: String(thrown) }, 'cannot answer another replica');
    }
  }

  async #outcome({ node, volumeId }: VolumeOfNode, requestId: string): Promise<Partial<Relayed>> {
    try {
      return { answer: { requestId, ...(await this.#options.describe(node, volumeId)) } };
    } catch (thrown) {
      const { code, message, reason = '' } = asCertfleetError(thrown);
      return { refusal: { requestId, code, message, reason } };
    }
  }

  /** @returns the number of subscribers that received it */
  async #publish(replica: string, message: Partial<Relayed>): Promise<number> {
    const { redis, keys, replica: from } = this.#options;
    const bytes = Buffer.from(Relayed.encode({ from, ...emptyMessage, ...message }).finish());
    try {
      return await redis.publish(keys.replica(replica), bytes);
    } catch (thrown) {
      throw relayError(thrown);
    }
  }
}

function relayError(thrown: unknown): CertfleetError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (!message.startsWith('NOPERM')) {
    return new CertfleetError('unavailable', 'Redis is unavailable, so this replica cannot ask another one', {
      cause: thrown,
    });
  }
  const expected = "Redis denies access to the channels of the controller's prefix; grant them to its user";
  return new CertfleetError('failed-precondition', `${expected}: ${message}`, { reason: 'ChannelForbidden' });
}

const refusalCodes: readonly ErrorCode[] = ['unavailable', 'deadline-exceeded', 'resource-exhausted'];

function refusalError({ code, message, reason }: Refusal): CertfleetError {
  const known = refusalCodes.find((each) => each === code) ?? 'unavailable';
  return new CertfleetError(known, message.slice(0, 512), reason === 'NotConnected' ? { reason } : {});
}
