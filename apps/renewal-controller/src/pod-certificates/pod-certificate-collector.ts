import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { decodeRow } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import type { PodCertificateStore } from './pod-certificate-store.ts';
import { keptMs, PodCertificateTable } from './pod-certificate-table.ts';
import type { TableLimits } from './pod-certificate-table.ts';
import { PodCertificateSources } from './pod-certificate-sources.ts';

export interface PodCertificateCollectorParts {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly store: Pick<PodCertificateStore, 'takeLease' | 'write' | 'note' | 'read' | 'ids'>;
  /** Notifies open pages. */
  readonly announce: () => Promise<unknown>;
  readonly limits?: TableLimits;
  readonly clock: Clock;
  readonly log: Logger;
}

const pauseMs = 2_000;
const rowsAtOnce = 200;

/** What a replica has while it follows the API server. */
interface Leadership {
  readonly table: PodCertificateTable;
  readonly sources: PodCertificateSources;
}

/**
 * Keeps the pod certificates in Redis equal to the pods and requests of the API server, on the replica with the lease. Its
 * table is what counts: after a loss of Redis it is written again.
 */
export class PodCertificateCollector {
  readonly #parts: PodCertificateCollectorParts;
  readonly #work: RepeatedWork;
  #leadership: Leadership | undefined;
  #isStoreDoubtful = false;

  constructor(parts: PodCertificateCollectorParts) {
    this.#parts = parts;
    const { clock, log } = parts;
    this.#work = new RepeatedWork({
      work: () => this.pass(),
      pauseMs,
      failure: 'cannot write the pod certificates, retrying',
      // The connection logs that.
      isReportedElsewhere: isRedisUnavailable,
      clock,
      log,
    });
  }

  start(): void {
    this.#work.start();
  }

  async stop(): Promise<void> {
    const sources = this.#leadership?.sources;
    // Before the pass in progress ends: it may wait for Redis.
    await sources?.stop();
    await this.#work.stop();
    await this.#resign();
  }

  /** Redis may have lost rows, or the removal of rows: they are compared and written again. */
  storeLost(): void {
    this.#isStoreDoubtful = true;
  }

  /** Takes the lease, follows the API server while it has it, and writes what has changed. */
  async pass(): Promise<void> {
    const { store } = this.#parts;
    if (!(await store.takeLease())) {
      await this.#resign();
      return;
    }
    this.#leadership ??= await this.#lead();
    const { table, sources } = this.#leadership;
    if (this.#isStoreDoubtful && sources.isSynced) await this.#compare(table);
    const hadChanges = table.hasChanges;
    while (table.hasChanges) {
      if (await this.#write(table)) continue;
      await this.#resign();
      return;
    }
    await store.note({ problem: problemOf(this.#leadership), isFollowing: sources.noteFollowing() });
    if (hadChanges) await this.#parts.announce();
  }

  /** @returns false without the lease */
  async #write(table: PodCertificateTable): Promise<boolean> {
    const changes = table.takeChanges(rowsAtOnce);
    try {
      return await this.#parts.store.write(changes);
    } catch (thrown) {
      // Perhaps written, but writing them again is safe.
      table.markChanged(changes.map(({ id }) => id));
      throw thrown;
    }
  }

  async #lead(): Promise<Leadership> {
    const { client, limits, clock, log } = this.#parts;
    const { rows, missedMs } = await this.#stored();
    const table = new PodCertificateTable(limits);
    table.load(rows);
    const sources = new PodCertificateSources({ client, table, clock, log, missedMs });
    log.info({ rows: table.rows.size }, 'this replica follows the pod certificates');
    sources.start();
    return { table, sources };
  }

  /** The stored rows, and for how long no replica followed the requests. */
  async #stored(): Promise<{ readonly rows: readonly PodCertificateRow[]; readonly missedMs: number }> {
    const rows = new Map<string, PodCertificateRow>();
    for (let position = 0; ;) {
      const found = await this.#parts.store.read(position, rowsAtOnce);
      for (const { id, json, position: next } of found.changes) {
        const row = json === '' ? undefined : decodeRow(id, json);
        if (row !== undefined) rows.set(id, row);
        position = next;
      }
      if (found.changes.length < rowsAtOnce)
        return { rows: [...rows.values()], missedMs: found.followedAgeMs ?? keptMs + 1 };
    }
  }

  /** Has every row written again, and the others removed. */
  async #compare(table: PodCertificateTable): Promise<void> {
    const stored = await this.#parts.store.ids();
    table.markChanged([...table.rows.keys(), ...stored.filter((id) => !table.rows.has(id))]);
    this.#isStoreDoubtful = false;
  }

  async #resign(): Promise<void> {
    const leadership = this.#leadership;
    this.#leadership = undefined;
    if (leadership === undefined) return;
    this.#parts.log.info('this replica no longer follows the pod certificates');
    await leadership.sources.stop();
  }
}

function problemOf({ table, sources }: Leadership): string {
  if (sources.problem !== undefined) return sources.problem;
  return table.omitted === 0 ? '' : `${table.omitted} pods are left out: the index has its maximum number of rows`;
}
