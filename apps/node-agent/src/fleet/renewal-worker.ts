import type { Clock } from '@certfleet/shared/clock.ts';
import { delay } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ClientCertificateFiles } from '@certfleet/shared/redis-tls.ts';
import { UnrecoverableError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { FleetVolumes } from './fleet-volumes.ts';
import { readNodeJob } from './node-job.ts';
import type { NodeJob } from './node-job.ts';
import { useFreshPassword } from '@certfleet/shared/redis-password.ts';
import { useLoadedScripts } from './loaded-scripts.ts';
import { allowBlocking, blockSeconds, openRedis } from './redis-client.ts';

/** What a worker works with. */
export interface RenewalWorkerOptions {
  readonly volumes: Pick<FleetVolumes, 'renew' | 'defer'>;
  readonly concurrency: number;
  /** For a Redis that asks its clients for a certificate. */
  readonly redisCertificate?: ClientCertificateFiles | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** A renewal was not carried out: its report tells nothing new, so the controller is to hear of it otherwise. */
  readonly onRefused: (volumeId: string, generation: number) => void;
}

/** Outcomes after which no answer of the issuer comes, and no report that differs from the last one. */
const refusals: ReadonlySet<string> = new Set(['too-soon', 'backing-off', 'not-here']);

/** BullMQ waits for a connection even when told to close by force; a stopping agent does not. */
const closeLimitMs = 5_000;

/** Takes renewal jobs from this node's queue, over two connections: one for commands, one that blocks. */
export class RenewalWorker {
  readonly #options: RenewalWorkerOptions;
  /** The connection for commands, then the one that BullMQ derives from it to block on. */
  readonly #clients: (Redis | Cluster)[] = [];
  readonly #worker: Worker;
  #password: string;
  #isDown = false;

  /** @throws CertfleetError invalid-argument when the access cannot be used */
  constructor(access: RedisAccess, options: RenewalWorkerOptions) {
    this.#options = options;
    this.#password = access.password;
    const connection = this.#adopt(openRedis(access, options.redisCertificate));
    const duplicate = connection.duplicate.bind(connection) as (...args: never[]) => Redis | Cluster;
    connection.duplicate = (...args: never[]) => {
      const copy = this.#adopt(duplicate(...args));
      allowBlocking(copy);
      return copy as never;
    };
    connection.on('error', (error: Error) => this.#onError(error));
    connection.on('ready', () => (this.#isDown = false));
    this.#worker = new Worker(access.queue, (job) => this.#process(job), {
      connection,
      prefix: access.prefix,
      concurrency: options.concurrency,
      // A job wakes the blocked connection at once; the read ends now and then to find a Redis that vanished.
      drainDelay: blockSeconds,
      stalledInterval: 300_000,
      runRetryDelay: 2_000,
      // A job is idempotent by its generation: it may come again as often as agents are killed in the middle.
      maxStalledCount: 100,
      // The report is the answer; a list of what was done would only grow.
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      skipVersionCheck: true,
    });
    this.#worker.on('error', (error) => this.#onError(error));
  }

  /** The password that every further connection is made with; what is under way goes on. */
  changePassword(password: string): void {
    this.#password = password;
  }

  #adopt(client: Redis | Cluster): Redis | Cluster {
    this.#clients.push(client);
    useFreshPassword(client, () => this.#password);
    useLoadedScripts(client, this.#options.clock);
    // One connection that was lost without a word tells that the other may be too: a question finds out.
    client.on('close', () => this.#askOthers(client));
    return client;
  }

  #askOthers(lost: Redis | Cluster): void {
    for (const client of this.#clients)
      if (client !== lost && client.status === 'ready') client.ping().catch(() => undefined);
  }

  /** Takes no more jobs and waits for those in progress, a few seconds at most; the rest come again. */
  async stop(): Promise<void> {
    // With a connection that is down BullMQ would wait for its end, which ioredis never tells, and keep its timers.
    const isDown = this.#clients.some(({ status }) => status !== 'ready');
    const closed = this.#worker.close(isDown).catch(() => undefined);
    const closing = new AbortController();
    await Promise.race([closed, delay(this.#options.clock, closeLimitMs, closing.signal).catch(() => undefined)]);
    closing.abort();
    for (const client of this.#clients) client.disconnect();
  }

  async #process(job: Job): Promise<string> {
    const { log } = this.#options;
    const order = readNodeJob(job.name, job.data);
    if (order === undefined) {
      log.warn({ job: job.id }, 'job refused: expected renew or defer, a volume and a generation');
      return 'malformed';
    }
    try {
      const outcome = await this.#obey(order);
      log.debug({ ...order, outcome }, 'job done');
      return outcome;
    } catch (thrown) {
      // The controller hears of it from the report, and decides on the next try: a repeated job would pass its lane by.
      throw new UnrecoverableError(asCertfleetError(thrown).reason ?? 'IssuanceFailed');
    }
  }

  async #obey({ volumeId, generation, deferUntil, isRequestedByPerson }: NodeJob): Promise<string> {
    const { volumes, onRefused } = this.#options;
    if (deferUntil !== undefined) return await volumes.defer(volumeId, generation, deferUntil);
    const outcome = await volumes.renew(volumeId, generation, isRequestedByPerson === true);
    if (refusals.has(outcome)) onRefused(volumeId, generation);
    return outcome;
  }

  #onError(error: Error): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#options.log.warn({ error: error.message }, 'renewal queue out of reach');
  }
}
