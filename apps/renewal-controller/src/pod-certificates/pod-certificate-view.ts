import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { decodeRow } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import type { PodCertificateStore, RowsRead } from './pod-certificate-store.ts';

export interface PodCertificateViewParts {
  readonly store: Pick<PodCertificateStore, 'read'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What operators see of the index: its rows, and whether they are up to date. */
export interface PodCertificates {
  readonly rows: ReadonlyMap<string, PodCertificateRow>;
  readonly following: 'loading' | 'current' | 'outdated';
  /** Why rows may be outdated or missing. */
  readonly problem: string | undefined;
}

const pauseMs = 1_000;
const rowsAtOnce = 500;
/** The view is outdated without a read for this long. */
const readWithinMs = 10_000;
/** The rows are outdated if no replica followed the API server for this long: longer than a change of the replica. */
const notedWithinMs = 90_000;

/** The pod certificates as a replica reads them from Redis, about once a second. */
export class PodCertificateView {
  readonly #parts: PodCertificateViewParts;
  readonly #work: RepeatedWork;
  #rows = new Map<string, PodCertificateRow>();
  /** Rows of a read from the beginning, until it is complete. */
  #loading: Map<string, PodCertificateRow> | undefined = new Map();
  #position = 0;
  /** Removals up to here were forgotten before the read from the beginning. */
  #forgotten = 0;
  #epoch = '';
  #last: Pick<RowsRead, 'noteAgeMs' | 'problem'> | undefined;
  #readAtMs = -Infinity;

  constructor(parts: PodCertificateViewParts) {
    this.#parts = parts;
    const { clock, log } = parts;
    this.#work = new RepeatedWork({
      work: () => this.read(),
      pauseMs,
      failure: 'cannot read the pod certificates, retrying',
      // The connection logs that.
      isReportedElsewhere: isRedisUnavailable,
      clock,
      log,
    });
  }

  start(): void {
    void this.#work.run();
    this.#work.start();
  }

  async stop(): Promise<void> {
    await this.#work.stop();
  }

  get current(): PodCertificates {
    const problem = this.#problem();
    const isLoaded = this.#last?.noteAgeMs !== undefined || this.#rows.size > 0;
    const following = !isLoaded ? 'loading' : problem === undefined ? 'current' : 'outdated';
    return { rows: this.#rows, following, problem };
  }

  /** Reads what has changed. */
  async read(): Promise<void> {
    for (;;) {
      const found = await this.#parts.store.read(this.#position, rowsAtOnce);
      if (!this.#continues(found)) {
        this.#startAgain(found);
        continue;
      }
      this.#take(found);
      if (found.changes.length === rowsAtOnce) continue;
      // An empty Redis has no rows yet; those that are known stay until a replica has written them again.
      if (this.#loading !== undefined && found.epoch !== '') {
        this.#rows = this.#loading;
        this.#loading = undefined;
      }
      this.#last = found;
      this.#readAtMs = this.#parts.clock.monotonic();
      return;
    }
  }

  /** Has all rows read again: a failover may have lost the last writes. */
  readAgain(): void {
    this.#startAgain({ epoch: '', forgotten: 0 });
  }

  /** Without an epoch nothing was written since Redis was empty. */
  #continues({ epoch, lastPosition, forgotten }: RowsRead): boolean {
    if (epoch === '') return true;
    const isBehind = forgotten > this.#position && forgotten > this.#forgotten;
    return epoch === this.#epoch && this.#position <= lastPosition && !isBehind;
  }

  #startAgain({ epoch, forgotten }: Pick<RowsRead, 'epoch' | 'forgotten'>): void {
    this.#epoch = epoch;
    this.#forgotten = forgotten;
    this.#position = 0;
    this.#loading = new Map();
  }

  #take({ changes }: RowsRead): void {
    const rows = this.#loading ?? this.#rows;
    for (const { position, id, json } of changes) {
      const row = json === '' ? undefined : decodeRow(id, json);
      if (row === undefined) rows.delete(id);
      else rows.set(id, row);
      this.#position = position;
    }
  }

  #problem(): string | undefined {
    if (this.#parts.clock.monotonic() - this.#readAtMs > readWithinMs)
      return 'Redis does not answer: the pod certificates are the last known';
    const { noteAgeMs = Infinity, problem = '' } = this.#last ?? {};
    if (noteAgeMs > notedWithinMs) return 'no replica follows the pod certificates: see the logs of the controller';
    return problem === '' ? undefined : problem;
  }
}
