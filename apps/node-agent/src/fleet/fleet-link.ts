import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Welcome } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ClientCertificateFiles } from '@certfleet/shared/redis-tls.ts';
import { backoffMs } from '@certfleet/fleet-model/renewal-policy.ts';
import { connectToController } from './controller-client.ts';
import type { ControllerAccess } from './controller-client.ts';
import { FleetSession } from './fleet-session.ts';
import type { FleetVolumes } from './fleet-volumes.ts';
import { NodeQueue } from './node-queue.ts';

export interface FleetLinkOptions {
  readonly controller: ControllerAccess;
  readonly volumes: FleetVolumes;
  readonly version: string;
  /** Maximum number of renewal jobs in progress. */
  readonly concurrentJobs: number;
  /** For a Redis that requires client certificates. */
  readonly redisCertificate?: ClientCertificateFiles | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onConnected: (isConnected: boolean) => void;
}

/** Spreads the fleet's reconnects to a restarted controller over some seconds, and completes them within a minute. */
const reconnect = { initialMs: 500, factor: 2, jitter: 1, capMs: 10_000 };

/**
 * The agent's link to the renewal controller: reports over gRPC, jobs through Redis. The agent works without it; the
 * link reconnects after outages of any length.
 */
export class FleetLink {
  readonly #options: FleetLinkOptions;
  readonly #queue: NodeQueue;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #session: FleetSession | undefined;
  #failures = 0;

  constructor(options: FleetLinkOptions) {
    this.#options = options;
    this.#queue = new NodeQueue({
      volumes: options.volumes,
      concurrency: options.concurrentJobs,
      redisCertificate: options.redisCertificate,
      clock: options.clock,
      log: options.log,
      onRefused: (volumeId, generation) => this.#session?.refused(volumeId, generation),
    });
  }

  start(): void {
    this.#options.volumes.onChange((volumeId) => this.#session?.changed(volumeId));
    this.#running = this.#run();
  }

  /** Ends the stream and takes no more jobs; jobs in progress get a few seconds. */
  async stop(): Promise<void> {
    this.#options.volumes.onChange(undefined);
    const reason = new CertfleetError('cancelled', 'the agent is stopping');
    this.#stopping.abort(reason);
    this.#session?.end(reason);
    await this.#running;
    await this.#queue.stop();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      const error = await this.#connectOnce();
      if (signal.aborted) return;
      this.#failures += 1;
      const waitMs = backoffMs(reconnect, this.#failures);
      // Only the first failure of an outage is a warning, so that a long outage does not fill the log.
      const level = this.#failures === 1 ? 'warn' : 'debug';
      log[level]({ error: error.message, retryInMs: Math.round(waitMs) }, 'not connected to the controller');
      await delay(clock, waitMs, signal).catch(() => undefined);
    }
  }

  async #connectOnce(): Promise<CertfleetError> {
    const { controller, volumes, version, clock, onConnected } = this.#options;
    try {
      const session = new FleetSession({
        connection: await connectToController(controller),
        volumes,
        version,
        clock,
        onWelcome: (welcome) => this.#welcomed(welcome),
        onAccess: (access) => this.#queue.useAccess(access),
      });
      this.#session = session;
      if (this.#stopping.signal.aborted) session.end(this.#stopping.signal.reason as CertfleetError);
      return await session.run();
    } catch (thrown) {
      return asCertfleetError(thrown);
    } finally {
      this.#session = undefined;
      onConnected(false);
    }
  }

  #welcomed({ nodeName, redis }: Welcome): void {
    this.#failures = 0;
    this.#options.onConnected(true);
    this.#options.log.info({ node: nodeName }, 'connected to the controller');
    if (redis !== undefined) this.#queue.useAccess(redis);
  }
}
