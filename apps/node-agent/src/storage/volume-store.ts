import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { systemFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { completePayload, writePayload } from './payload-writer.ts';
import type { PayloadAccess } from './payload-writer.ts';
import { currentPayloadName, readPayload, readPayloadFile } from './payload.ts';
import type { Payload, PayloadFileRequest } from './payload.ts';
import { writeReloadMarker } from './reload-marker.ts';
import type { ReloadMarker } from './reload-marker.ts';
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

export interface VolumeStoreOptions {
  /** Layout for new volumes. */
  readonly own: VolumeLayout;
  /** Layout of volumes that were taken over. */
  readonly adopted?: VolumeLayout | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly files?: FileSystem;
}

/** A volume whose contents are destroyed while it may still be mounted. */
export interface InterruptedRemoval {
  readonly volumeId: string;
  readonly targetPath: string | undefined;
}

/**
 * The volumes on this node's tmpfs: record, secrets and files of each. Calls are synchronous and take a fraction of a
 * millisecond (see FileSystem), so no other code runs between their steps. Writes never create a volume's directory:
 * after `remove` they fail with not-found, so that a late certificate cannot restore a key.
 */
export class VolumeStore {
  readonly #own: VolumeLayout;
  readonly #layouts: readonly VolumeLayout[];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #files: FileSystem;
  /** Cache of the layouts in which volumes were found; each call detects whether the volume is still there. */
  readonly #found = new Map<string, VolumeLayout>();

  private constructor({ own, adopted, clock, files = systemFiles }: VolumeStoreOptions) {
    this.#own = own;
    this.#layouts = adopted === undefined ? [own] : [own, adopted];
    this.#clock = clock;
    this.#files = files;
  }

  /**
   * Opens a store and removes incomplete files that a crash left.
   * @throws CertfleetError failed-precondition if a root is not on a tmpfs; not-found if it is missing
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

  /** Every volume, and every entry that is not a valid one. Reads all files; for start-up. */
  list(): VolumeListing {
    return storageStep('list volumes', () => listVolumes(this.#files, this.#layouts));
  }

  /**
   * Creates a volume with an empty data directory, atomically.
   * @throws CertfleetError invalid-argument for an unsafe id; already-exists; resource-exhausted if only the reserve
   * for
   * renewals is left
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
   * Takes over a volume below the adopted root. The record is written last: without it the volume is not adopted.
   * @throws CertfleetError not-found if there is no such directory
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

  /** Whether the volume exists, even with a damaged record. */
  has(volumeId: string): boolean {
    assertSafeVolumeId(volumeId);
    return this.#layoutOf(volumeId) !== undefined;
  }

  /** @throws CertfleetError not-found; failed-precondition if the record is damaged */
  readRecord(volumeId: string): VolumeRecord {
    return this.#within(volumeId, 'read the record of', (directory, layout) =>
      decodeVolumeRecord(this.#files.readFileSync(`${directory}/${layout.recordFile}`, 'utf8')),
    );
  }

  /** @throws CertfleetError not-found if the volume was removed */
  writeRecord(record: VolumeRecord): void {
    this.#within(record.volumeId, 'write the record of', (directory, layout) => {
      replaceFile(this.#files, directory, layout.recordFile, encodeVolumeRecord(record));
      layout.recordWritten?.(this.#files, directory, record);
    });
  }

  /** @throws CertfleetError not-found; failed-precondition if the file is damaged */
  readSecrets(volumeId: string): VolumeSecrets {
    return this.#within(volumeId, 'read the secrets of', (directory, layout) =>
      readVolumeSecrets(this.#files, directory, layout.secretsFile),
    );
  }

  /** @throws CertfleetError not-found if the volume was removed */
  writeSecrets(volumeId: string, secrets: VolumeSecrets): void {
    this.#within(volumeId, 'write the secrets of', (directory, layout) =>
      writeVolumeSecrets(this.#files, directory, layout.secretsFile, secrets),
    );
  }

  /**
   * Replaces the files that the pod sees, all at once; see `writePayload`.
   * @returns whether they differ from the previous ones
   * @throws CertfleetError not-found if the volume was removed; resource-exhausted if the tmpfs is full
   */
  writePayload(volumeId: string, payload: Payload, access: PayloadAccess): boolean {
    return this.#within(volumeId, 'write the files of', (directory) => {
      const target = { ...access, directory: `${directory}/data`, now: new Date(this.#clock.now()) };
      return writePayload(this.#files, target, payload);
    });
  }

  /** The files that the pod sees; empty before the first write. */
  readPayload(volumeId: string): Payload {
    return this.#within(volumeId, 'read the files of', (directory) => readPayload(this.#files, `${directory}/data`));
  }

  /** When the files that the pod sees were written; undefined if there are none or the time is unknown. */
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
   * Reads one file that the pod sees and opens no other; undefined if it does not exist.
   * @throws CertfleetError not-found if the volume was removed; failed-precondition if the file is too large
   */
  readPayloadFile(volumeId: string, request: PayloadFileRequest): Buffer | undefined {
    return this.#within(volumeId, 'read a file of', (directory) =>
      readPayloadFile(this.#files, `${directory}/data`, request),
    );
  }

  /**
   * Writes the marker of a volume whose program reloads when it changes; see `writeReloadMarker`.
   * @returns whether it changed
   * @throws CertfleetError not-found if the volume was removed
   */
  writeReloadMarker(volumeId: string, marker: ReloadMarker, access: PayloadAccess): boolean {
    return this.#within(volumeId, 'write the marker of', (directory) =>
      writeReloadMarker(this.#files, { ...access, directory: `${directory}/data` }, marker),
    );
  }

  /**
   * Makes every file of the current payload visible under its name, even after a write that failed half-way.
   * @throws CertfleetError not-found if the volume was removed
   */
  completePayload(volumeId: string): void {
    this.#within(volumeId, 'link the files of', (directory) => completePayload(this.#files, `${directory}/data`));
  }

  /** The directory to bind-mount into the pod. */
  dataPath(volumeId: string): string {
    return this.#within(volumeId, 'find', (directory) => `${directory}/data`);
  }

  /**
   * First half of a removal: destroys keys, files and secrets of a volume, which is not found any more afterwards; an
   * unknown volume counts as removed. A directory of the csi-driver that could not be adopted is destroyed too, because
   * its pod is gone. After an error as much as possible is destroyed; a repeated call continues.
   */
  destroy(volumeId: string): void {
    assertSafeVolumeId(volumeId);
    this.#found.delete(volumeId);
    storageStep(`remove volume ${volumeId}`, () => {
      for (const layout of this.#layouts) destroyContents(this.#files, layout, volumeId);
    });
  }

  /** Removes a volume that is not mounted. */
  remove(volumeId: string): void {
    this.destroy(volumeId);
    this.finishRemoval(volumeId);
  }

  /** Second half of a removal, once nothing is mounted from the volume: removes what remains. */
  finishRemoval(volumeId: string): void {
    assertSafeVolumeId(volumeId);
    storageStep(`remove volume ${volumeId}`, () => {
      for (const { root } of this.#layouts) finishRemoval(this.#files, root, volumeId);
    });
  }

  /** Volumes whose removal an earlier run began and did not end, with their target if their record is readable. */
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
      return undefined; // Damaged, or already removed.
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
  return new CertfleetError('not-found', `volume ${volumeId} does not exist`);
}

function alreadyExists(volumeId: string): CertfleetError {
  return new CertfleetError('already-exists', `volume ${volumeId} already exists`);
}
