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

/** What a relay works with. */
export interface QuestionRelayOptions {
  /** Publishes; a command fails at once while Redis is away. */
  readonly redis: RedisClient;
  /** A connection of its own: one that has subscribed takes no other command. */
  readonly subscriber: RedisClient;
  readonly keys: Pick<RedisKeys, 'replica'>;
  /** This replica's name. */
  readonly replica: string;
  /** Asks an agent that is connected to this replica. */
  readonly describe: (node: string, volumeId: string) => Promise<VolumeDescription>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Longer than the other replica waits for its agent, so that its own words arrive. */
const limits = { most: 64, maxOfOne: 64, timeoutMs: 7_000 };
const retryMs = { first: 1_000, longest: 30_000 };
const maxMessageBytes = 1024 * 1024;
const emptyMessage = { question: undefined, answer: undefined, refusal: undefined };

/**
 * Passes questions between replicas by publish and subscribe, so that nothing of an answer is stored anywhere. A replica
 * subscribes from its start: nobody else knows that it will be asked, so it cannot wait until it is. That costs one idle
 * connection; both the questions to it and the answers for it come over its one channel.
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

  /** Ends every wait at once. */
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
   * Asks the agent of a node through the replica that it is connected to.
   * @throws CertfleetError what the other replica said; unavailable when it or Redis is away, with reason NotConnected
   *   when the agent is no longer there; deadline-exceeded; resource-exhausted
   */
  async describe(replica: string, { node, volumeId }: VolumeOfNode): Promise<VolumeDescription> {
    return await this.#pending.ask(replica, async (requestId) => {
      const heard = await this.#publish(replica, { question: { node, describe: { requestId, volumeId } } });
      // Each server of a Cluster counts its own subscribers alone.
      if (heard > 0 || this.#options.redis instanceof Cluster) return;
      const message = `replica ${replica}, which node ${node} was connected to, is gone; try again soon`;
      throw new CertfleetError('unavailable', message, { reason: 'NotConnected' });
    });
  }

  async #subscribe(): Promise<void> {
    const { subscriber, keys, replica, log } = this.#options;
    try {
      await subscriber.subscribe(keys.replica(replica));
      this.#failures = 0;
      // Said again now and then: a Cluster's client that changes over to another server tries that once and is silent.
      this.#subscribeIn(retryMs.longest);
    } catch (thrown) {
      if (this.#stopped) return;
      const { message } = relayError(thrown);
      if (this.#failures === 0) log.warn({ error: message }, 'other replicas cannot ask this one');
      this.#subscribeIn(Math.min(retryMs.first * 2 ** this.#failures, retryMs.longest));
      this.#failures += 1;
    }
  }

  #subscribeIn(delayMs: number): void {
    this.#cancelRetry?.();
    if (!this.#stopped) this.#cancelRetry = this.#options.clock.schedule(delayMs, () => void this.#subscribe());
  }

  /** Each connection subscribes anew. */
  readonly #onReady = (): void => {
    this.#cancelRetry?.();
    void this.#subscribe();
  };

  readonly #onMessage = (_channel: Buffer, bytes: Buffer): void => {
    if (bytes.length > maxMessageBytes) return;
    try {
      this.#receive(Relayed.decode(bytes));
    } catch (thrown) {
      this.#options.log.debug({ error: String(thrown) }, 'message of another replica not understood');
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
      this.#options.log.debug({ error: String(thrown) }, 'question of another replica not answered');
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

  /** @returns how many heard it */
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
    return new CertfleetError('unavailable', 'redis, through which replicas ask each other, is away', {
      cause: thrown,
    });
  }
  const expected = "expected the right to the channels of the controller's prefix in Redis, found none";
  return new CertfleetError('failed-precondition', `${expected}: ${message}`, { reason: 'ChannelForbidden' });
}

const refusalCodes: readonly ErrorCode[] = ['unavailable', 'deadline-exceeded', 'resource-exhausted'];

function refusalError({ code, message, reason }: Refusal): CertfleetError {
  const known = refusalCodes.find((each) => each === code) ?? 'unavailable';
  return new CertfleetError(known, message.slice(0, 512), reason === 'NotConnected' ? { reason } : {});
}
