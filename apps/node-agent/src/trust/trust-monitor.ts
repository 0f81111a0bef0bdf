import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import type { Volume } from '../volume/volume.ts';

export interface TrustMonitorOptions {
  readonly volumes: () => Iterable<Pick<Volume, 'volumeId'>>;
  /** Brings the files of a volume in line with the sources. */
  readonly update: (volumeId: string) => Promise<boolean>;
  readonly clock: Clock;
  /** Random numbers in [0, 1), for jitter. */
  readonly random?: () => number;
  readonly observe: (result: 'updated' | 'failed') => void;
  readonly onFailed: (volumeId: string, error: CertfleetError) => void;
}

/** Keystores cost processor time, which mounts and renewals need too. */
const maxConcurrent = 2;
const firstBackoffMs = 1_000;
const maxBackoffMs = 300_000;
const group = 'trust';

/** Updates volumes after a change of the sources of additional trust, and repeats what fails. */
export class TrustMonitor {
  readonly #options: TrustMonitorOptions;
  readonly #scheduler: RenewalScheduler;
  /** Consecutive failures by volume. */
  readonly #failures = new Map<string, number>();

  constructor(options: TrustMonitorOptions) {
    this.#options = options;
    const renew = (volumeId: string): Promise<void> => this.#update(volumeId);
    this.#scheduler = new RenewalScheduler({ clock: options.clock, maxPerGroup: maxConcurrent, renew });
  }

  /** A source changed: every volume is compared with the sources, which reads no files of those without additional trust. */
  allChanged(): void {
    for (const { volumeId } of this.#options.volumes()) this.#schedule(volumeId, 0);
  }

  /** A source of these volumes changed. */
  changed(volumeIds: Iterable<string>): void {
    for (const volumeId of volumeIds) this.#schedule(volumeId, 0);
  }

  /** Starts no more updates and waits for those in progress. */
  async stop(): Promise<void> {
    await this.#scheduler.stop();
  }

  #schedule(volumeId: string, delayMs: number): void {
    this.#scheduler.schedule(volumeId, { monotonicMs: this.#options.clock.monotonic() + delayMs }, group);
  }

  /** Never rejects. */
  async #update(volumeId: string): Promise<void> {
    const { update, observe, onFailed, random = Math.random } = this.#options;
    try {
      if (await update(volumeId)) observe('updated');
      this.#failures.delete(volumeId);
    } catch (thrown) {
      observe('failed');
      onFailed(volumeId, asCertfleetError(thrown));
      const failures = (this.#failures.get(volumeId) ?? 0) + 1;
      this.#failures.set(volumeId, failures);
      const backoffMs = doubledDelayMs(firstBackoffMs, failures - 1, maxBackoffMs);
      this.#schedule(volumeId, backoffMs * (1 + random() / 4));
    }
  }
}
