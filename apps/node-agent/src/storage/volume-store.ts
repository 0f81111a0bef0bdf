import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { systemFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { completePayload, writePayload } from './payload-writer.ts';
import { currentPayloadName, readPayload, readPayloadFile } from './payload.ts';
import type { Payload, PayloadFileRequest } from './payload.ts';
import { replaceFile } from './replace-file.ts';
import { storageStep, systemErrorCode } from './storage-error.ts';
import { assertInMemory, assertRoomForNewVolume } from './tmpfs-guard.ts';
import {
  createVolumeDirectory,
  destroyContents,
  finishRemoval,
  interruptedRemovals,
  removeStaging,
} from './volume-directory.ts';
import { assertSafeVolumeId } from './volume-id.ts';
import type { VolumeLayout } from './volume-layout.ts';
import { listVolumes } from './volume-listing.ts';
import type { VolumeListing } from './volume-listing.ts';
import { decodeVolumeRecord, encodeVolumeRecord } from './volume-record-json.ts';
import type { VolumeRecord, VolumeSecrets } from './volume-record.ts';
import { readVolumeSecrets, writeVolumeSecrets } from './volume-secrets-file.ts';

/** What a store works with. */
export interface VolumeStoreOptions {
  /** Where new volumes are made. */
  readonly own: VolumeLayout;
  /** Where volumes that were taken over live on. */
  readonly adopted?: VolumeLayout | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly files?: FileSystem;
}

/** A volume whose contents are destroyed while its mount may still be there. */
export interface InterruptedRemoval {
  readonly volumeId: string;
  readonly targetPath: string | undefined;
}

/**
 * The volumes on this node's tmpfs: record, secrets and files of each. Every call takes a fraction of a millisecond and
 * is made at once (see FileSystem), so no other code runs between its steps. Writes never make a volume's directory:
 * after `remove` they fail with not-found, and no late certificate brings a key back from the dead.
 */
export class VolumeStore {
  readonly #own: VolumeLayout;
  readonly #layouts: readonly VolumeLayout[];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #files: FileSystem;
  /** Where volumes were found, so that not every call on one looks for it; whether it is still there the call finds out. */
  readonly #found = new Map<string, VolumeLayout>();

  private constructor({ own, adopted, clock, files = systemFiles }: VolumeStoreOptions) {
    this.#own = own;
    this.#layouts = adopted === undefined ? [own] : [own, adopted];
    this.#clock = clock;
    this.#files = files;
  }

  /**
   * Opens a store and clears away what a killed agent left half made.
   * @throws CertfleetError failed-precondition when a root is not on a tmpfs; not-found when it is missing
   */
  static open(options: VolumeStoreOptions): VolumeStore {
    const store = new VolumeStore(options);
    for (const { root } of store.#layouts) {
      storageStep(`open ${root}`, () => {
        assertInMemory(store.#files, root);
        removeStaging(store.#files, root);
      });
    }
    return store;
  }

  /** Every volume, and whatever lies among them that is none. Read from the files: for start-up. */
  list(): VolumeListing {
    return storageStep('list volumes', () => listVolumes(this.#files, this.#layouts));
  }

  /**
   * Makes a volume with an empty data directory, whole or not at all.
   * @throws CertfleetError invalid-argument for an unsafe id; already-exists; resource-exhausted when only the reserve for
   *   renewals is left
   */
  create(record: VolumeRecord, secrets: VolumeSecrets): void {
    const { volumeId } = record;
    if (this.has(volumeId)) throw alreadyExists(volumeId);
    storageStep(`create volume ${volumeId}`, () => assertRoomForNewVolume(this.#files, this.#own.root));
    storageStep(`create volume ${volumeId}`, () => {
      try {
        createVolumeDirectory(this.#files, this.#own, record, secrets);
      } catch (error) {
        const code = systemErrorCode(error);
        throw code === 'ENOTEMPTY' || code === 'EEXIST' ? alreadyExists(volumeId) : error;
      }
    });
    this.#found.set(volumeId, this.#own);
  }

  /**
   * Takes a volume over where it lies, below the adopted root. The record comes last: without it nothing was adopted.
   * @throws CertfleetError not-found when there is no such directory
   */
  adopt(record: VolumeRecord, secrets: VolumeSecrets): void {
    const { volumeId } = record;
    assertSafeVolumeId(volumeId);
    const layout = this.#layouts[1];
    if (layout === undefined) throw notFound(volumeId);
    const directory = `${layout.root}/${volumeId}`;
    storageStep(`adopt volume ${volumeId}`, () => {
      writeVolumeSecrets(this.#files, directory, layout.secretsFile, secrets);
      replaceFile(this.#files, directory, layout.recordFile, encodeVolumeRecord(record));
    });
  }

  /** Whether there is such a volume, also one whose record is damaged. */
  has(volumeId: string): boolean {
    assertSafeVolumeId(volumeId);
    return this.#layoutOf(volumeId) !== undefined;
  }

  /** @throws CertfleetError not-found; failed-precondition when the record is damaged */
  readRecord(volumeId: string): VolumeRecord {
    return this.#within(volumeId, 'read the record of', (directory, layout) =>
      decodeVolumeRecord(this.#files.readFileSync(`${directory}/${layout.recordFile}`, 'utf8')),
    );
  }

  /** @throws CertfleetError not-found once the volume was removed */
  writeRecord(record: VolumeRecord): void {
    this.#within(record.volumeId, 'write the record of', (directory, layout) => {
      replaceFile(this.#files, directory, layout.recordFile, encodeVolumeRecord(record));
      layout.recordWritten?.(this.#files, directory, record);
    });
  }

  /** @throws CertfleetError not-found; failed-precondition when the file is damaged */
  readSecrets(volumeId: string): VolumeSecrets {
    return this.#within(volumeId, 'read the secrets of', (directory, layout) =>
      readVolumeSecrets(this.#files, directory, layout.secretsFile),
    );
  }

  /** @throws CertfleetError not-found once the volume was removed */
  writeSecrets(volumeId: string, secrets: VolumeSecrets): void {
    this.#within(volumeId, 'write the secrets of', (directory, layout) =>
      writeVolumeSecrets(this.#files, directory, layout.secretsFile, secrets),
    );
  }

  /**
   * Shows these files to the pod in the place of those before, all at once; see `writePayload`.
   * @returns whether they differ from those before
   * @throws CertfleetError not-found once the volume was removed; resource-exhausted when the tmpfs is full
   */
  writePayload(volumeId: string, payload: Payload, fsGroup: number | undefined): boolean {
    return this.#within(volumeId, 'write the files of', (directory) => {
      const target = { directory: `${directory}/data`, fsGroup, now: new Date(this.#clock.now()) };
      return writePayload(this.#files, target, payload);
    });
  }

  /** The files that the pod sees; empty when none were written yet. */
  readPayload(volumeId: string): Payload {
    return this.#within(volumeId, 'read the files of', (directory) => readPayload(this.#files, `${directory}/data`));
  }

  /** When the files that the pod sees were written; undefined when none were, or when nothing tells. */
  payloadWrittenAt(volumeId: string): Date | undefined {
    return this.#within(volumeId, 'look at the files of', (directory) => {
      const name = currentPayloadName(this.#files, `${directory}/data`);
      const status =
        name === undefined ? undefined : this.#files.lstatSync(`${directory}/data/${name}`, { throwIfNoEntry: false });
      const writtenMs = status?.mtimeMs ?? Number.NaN;
      return writtenMs > 0 ? new Date(writtenMs) : undefined;
    });
  }

  /**
   * One file that the pod sees, and no other is opened; undefined when there is none of that name.
   * @throws CertfleetError not-found once the volume was removed; failed-precondition when the file is too large
   */
  readPayloadFile(volumeId: string, request: PayloadFileRequest): Buffer | undefined {
    return this.#within(volumeId, 'read a file of', (directory) =>
      readPayloadFile(this.#files, `${directory}/data`, request),
    );
  }

  /**
   * Makes every file of the present payload visible under its name, also after a write that failed half-way.
   * @throws CertfleetError not-found once the volume was removed
   */
  completePayload(volumeId: string): void {
    this.#within(volumeId, 'link the files of', (directory) => completePayload(this.#files, `${directory}/data`));
  }

  /** The directory to bind-mount into the pod. */
  dataPath(volumeId: string): string {
    return this.#within(volumeId, 'find', (directory) => `${directory}/data`);
  }

  /**
   * First half of a removal: destroys keys, files and secrets of a volume, which from then on is not found any more; one
   * that is not there is gone already. A directory that another driver left and that could not be adopted goes as well:
   * the pod is gone, and so must be its key. An error leaves as little as could be removed; a repeated call continues.
   */
  destroy(volumeId: string): void {
    assertSafeVolumeId(volumeId);
    this.#found.delete(volumeId);
    storageStep(`remove volume ${volumeId}`, () => {
      for (const layout of this.#layouts) destroyContents(this.#files, layout, volumeId);
    });
  }

  /** Removes a volume that is mounted nowhere. */
  remove(volumeId: string): void {
    this.destroy(volumeId);
    this.finishRemoval(volumeId);
  }

  /** Second half of a removal, once nothing is mounted from the volume: what remained goes. */
  finishRemoval(volumeId: string): void {
    assertSafeVolumeId(volumeId);
    storageStep(`remove volume ${volumeId}`, () => {
      for (const { root } of this.#layouts) finishRemoval(this.#files, root, volumeId);
    });
  }

  /** Volumes whose removal an earlier run began and did not end, with their target where their record still says it. */
  interruptedRemovals(): readonly InterruptedRemoval[] {
    return this.#layouts.flatMap((layout) =>
      Array.from(interruptedRemovals(this.#files, layout.root), ([volumeId, directory]) => ({
        volumeId,
        targetPath: this.#targetPathIn(`${directory}/${layout.recordFile}`),
      })),
    );
  }

  #targetPathIn(recordPath: string): string | undefined {
    try {
      return decodeVolumeRecord(this.#files.readFileSync(recordPath, 'utf8')).targetPath;
    } catch {
      return undefined; // Torn, or removed already.
    }
  }

  #within<T>(volumeId: string, step: string, action: (directory: string, layout: VolumeLayout) => T): T {
    assertSafeVolumeId(volumeId);
    const layout = this.#found.get(volumeId) ?? this.#layoutOf(volumeId);
    if (layout === undefined) throw notFound(volumeId);
    this.#found.set(volumeId, layout);
    return storageStep(`${step} volume ${volumeId}`, () => action(`${layout.root}/${volumeId}`, layout));
  }

  #layoutOf(volumeId: string): VolumeLayout | undefined {
    return this.#layouts.find(({ root, recordFile, exclusive }) =>
      this.#files.existsSync(exclusive ? `${root}/${volumeId}` : `${root}/${volumeId}/${recordFile}`),
    );
  }
}

function notFound(volumeId: string): CertfleetError {
  return new CertfleetError('not-found', `expected a volume ${volumeId}, found none`);
}

function alreadyExists(volumeId: string): CertfleetError {
  return new CertfleetError('already-exists', `expected no volume ${volumeId}, found one`);
}
