import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { messageOf } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { createRedis } from './create-redis.ts';
import type { RedisClient, RedisConfig, RedisRole } from './create-redis.ts';
import { RedisEpoch } from './redis-epoch.ts';
import type { StateLoss } from './redis-epoch.ts';
import type { RedisHealth } from './redis-health.ts';
import { redisKeys } from './redis-keys.ts';
import { RedisProbe } from './redis-probe.ts';
import type { RedisProbeParts } from './redis-probe.ts';

export interface RedisConnectionsParts {
  readonly config: RedisConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Prefix of the controller's keys; without it no write is tested, and a loss of state goes unnoticed. */
  readonly prefix?: string;
  readonly nodes?: () => number;
  readonly maintain?: NonNullable<RedisProbeParts['maintain']>;
  /** Whether the controller creates the nodes' users, and therefore has the right to read users. */
  readonly makesUsers?: boolean;
}

/** A connection that only listens would not notice that its server vanished. */
const pingMs = 5_000;
const settleMs = 500;

/** All connections of this process to Redis: a shared one for commands, and blocking ones created on demand. */
export class RedisConnections {
  /** Shared by all commands and BullMQ's queues; a command fails at once while Redis is unavailable. */
  readonly commands: RedisClient;
  readonly #parts: RedisConnectionsParts;
  readonly #clients = new Set<RedisClient>();
  readonly #probe: RedisProbe;
  readonly #pings = new Set<CancelTimer>();
  #lastError = 'no response yet';
  #stopping = false;
  #reachable: boolean | undefined;

  constructor(parts: RedisConnectionsParts) {
    this.#parts = parts;
    this.commands = this.create('commands', 'controller');
    const { prefix, clock } = parts;
    const epoch = prefix === undefined ? undefined : this.#epoch(prefix);
    this.#probe = new RedisProbe({ ...parts, redis: this.commands, epoch });
    this.commands.on('ready', () => this.#noteReachable(true));
    // A client that searches the new primary closes and reconnects at once.
    this.commands.on('close', () => clock.schedule(settleMs, () => this.#noteReachable(this.#isReady)));
  }

  /** Begins to connect and retries indefinitely; an unavailable Redis causes neither an error nor a wait. */
  start(): void {
    this.commands.connect().catch(() => undefined);
    this.#probe.start();
  }

  /** Creates a dedicated connection for blocking commands; `stop` closes it. */
  create(role: RedisRole, name: string): RedisClient {
    const client = createRedis(this.#parts.config, role, `certfleet-${name}`, (fault, error) =>
      this.#probe.noteFault(fault, error),
    );
    this.#track(client);
    if (role === 'subscriber') this.#keepAlive(client);
    // BullMQ's workers duplicate their connection for the blocking command, and close the duplicate only after it has
    // connected.
    const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
    client.duplicate = ((...args: unknown[]) => this.#track(duplicate(...args))) as never;
    return client;
  }

  /** The result of the last probe. */
  get health(): RedisHealth {
    return this.#probe.health;
  }

  /** Registers a callback for a changed server (restart, failover): the last writes may be lost. */
  onReplaced(callback: () => void): void {
    this.#probe.onReplaced(callback);
  }

  /** Registers a callback for the loss of acknowledged writes. */
  onStateLoss(callback: (lost: StateLoss) => void): void {
    this.#probe.onStateLoss(callback);
  }

  /** Closes every connection at once; pending commands fail. */
  stop(): void {
    this.#stopping = true;
    this.#probe.stop();
    for (const cancel of this.#pings) cancel();
    for (const client of this.#clients) client.disconnect();
    this.#clients.clear();
  }

  get #isReady(): boolean {
    return this.commands.status === 'ready' || this.commands.status === 'connect';
  }

  #epoch(prefix: string): RedisEpoch {
    return new RedisEpoch(this.commands, redisKeys(prefix), () => this.#parts.clock.monotonic());
  }

  #keepAlive(client: RedisClient): void {
    let cancel = (): void => undefined;
    const arm = (): void => {
      this.#pings.delete(cancel);
      cancel = this.#parts.clock.schedule(pingMs, () => {
        if (client.status === 'ready') client.ping().catch(() => undefined);
        if (client.status !== 'end') arm();
      });
      this.#pings.add(cancel);
    };
    arm();
  }

  #track(client: RedisClient): RedisClient {
    this.#clients.add(client);
    client.once('end', () => this.#clients.delete(client));
    // The shared connection logs the state once; without a listener ioredis prints every failed attempt.
    client.on('error', (error: Error) => (this.#lastError = messageOf(error)));
    return client;
  }

  #noteReachable(reachable: boolean): void {
    if (this.#reachable === reachable || this.#stopping) return;
    this.#reachable = reachable;
    const { logger } = this.#parts;
    if (reachable) logger.info('Redis is reachable');
    else logger.warn({ cause: this.#lastError }, 'Redis is not reachable, retrying');
  }
}
