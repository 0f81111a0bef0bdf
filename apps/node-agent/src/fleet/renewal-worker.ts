import { readNodeJob } from '@certfleet/fleet-model/node-job.ts';
import type { NodeJob } from '@certfleet/fleet-model/node-job.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { delay } from '@certfleet/shared/clock.ts';
import { failureReasonOf } from '@certfleet/shared/error-reasons.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ClientCertificateFiles } from '@certfleet/shared/redis-tls.ts';
import { UnrecoverableError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { FleetVolumes } from './fleet-volumes.ts';
import { useFreshPassword } from '@certfleet/shared/redis-password.ts';
import { useLoadedScripts } from './loaded-scripts.ts';
import { allowBlocking, blockSeconds, openRedis } from './redis-client.ts';

export interface RenewalWorkerOptions {
  readonly volumes: Pick<FleetVolumes, 'renew' | 'defer'>;
  readonly concurrency: number;
  /** For a Redis that requires client certificates. */
  readonly redisCertificate?: ClientCertificateFiles | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Called when a renewal was refused. The volume's report does not change then, so the controller needs a separate
   * message.
   */
  readonly onRefused: (volumeId: string, generation: number) => void;
}

/** Outcomes after which neither an answer of the issuer nor a changed report follows. */
const refusals: ReadonlySet<string> = new Set(['too-soon', 'backing-off', 'deferred', 'not-found']);

/** BullMQ waits for a connection even on a forced close; a stopping agent must not. */
const closeLimitMs = 5_000;

/** Takes renewal jobs from this node's queue over two connections: one for commands, one for blocking reads. */
export class RenewalWorker {
  readonly #options: RenewalWorkerOptions;
  /** The connection for commands, then the one that BullMQ duplicates from it for blocking reads. */
  readonly #clients: (Redis | Cluster)[] = [];
  readonly #worker: Worker;
  #password: string;
  #isDown = false;

  /** @throws CertfleetError invalid-argument if the access cannot be used */
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
      // A job wakes the blocked connection immediately; the block time ends so that a lost Redis is detected.
      drainDelay: blockSeconds,
      stalledInterval: 300_000,
      runRetryDelay: 2_000,
      // Jobs are idempotent by generation, so one may be repeated however often its agent was killed.
      maxStalledCount: 100,
      // The report is the result; completed jobs would only accumulate.
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      skipVersionCheck: true,
    });
    this.#worker.on('error', (error) => this.#onError(error));
  }

  /** Sets the password of new connections; work in progress continues. */
  changePassword(password: string): void {
    this.#password = password;
  }

  #adopt(client: Redis | Cluster): Redis | Cluster {
    this.#clients.push(client);
    useFreshPassword(client, () => this.#password);
    useLoadedScripts(client, this.#options.clock);
    // BullMQ removes its own listener when it closes; ioredis prints errors without a listener.
    client.on('error', () => undefined);
    // If one connection was lost silently, the other may be too; a ping detects it.
    client.on('close', () => this.#askOthers(client));
    return client;
  }

  #askOthers(lost: Redis | Cluster): void {
    for (const client of this.#clients)
      if (client !== lost && client.status === 'ready') client.ping().catch(() => undefined);
  }

  /** Takes no more jobs and waits a few seconds for those in progress; the others are delivered again. */
  async stop(): Promise<void> {
    // With a lost connection BullMQ would wait for its end, which ioredis never reports, and keep its timers.
    const isDown = this.#clients.some(({ status }) => status !== 'ready');
    const closed = this.#worker.close(isDown).catch(() => undefined);
    const closing = new AbortController();
    await Promise.race([closed, delay(this.#options.clock, closeLimitMs, closing.signal).catch(() => undefined)]);
    closing.abort();
    for (const client of this.#clients) client.disconnect();
  }

  async #process(job: Job): Promise<string> {
    const { log } = this.#options;
    const nodeJob = readNodeJob(job.name, job.data);
    if (nodeJob === undefined) {
      log.warn({ job: job.id }, 'malformed job: expected renew or defer, a volume and a generation');
      return 'malformed';
    }
    try {
      const outcome = await this.#execute(nodeJob);
      log.debug({ ...nodeJob, outcome }, 'job done');
      return outcome;
    } catch (thrown) {
      // The report reaches the controller, which decides about a retry: a retry by BullMQ would bypass the lane.
      throw new UnrecoverableError(failureReasonOf(asCertfleetError(thrown)));
    }
  }

  async #execute({ volumeId, generation, deferUntil, isRequestedByPerson }: NodeJob): Promise<string> {
    const { volumes, onRefused } = this.#options;
    if (deferUntil !== undefined) return await volumes.defer(volumeId, generation, deferUntil);
    const outcome = await volumes.renew(volumeId, generation, isRequestedByPerson === true);
    if (refusals.has(outcome)) onRefused(volumeId, generation);
    return outcome;
  }

  #onError(error: Error): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#options.log.warn({ error: error.message }, 'renewal queue unreachable');
  }
}
