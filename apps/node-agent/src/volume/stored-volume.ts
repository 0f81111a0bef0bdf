import { createHash } from 'node:crypto';
import { CertfleetError, asCertfleetError } from '@certfleet/shared/errors.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Payload } from '../storage/payload.ts';
import type { VolumeRecord, VolumeSecrets } from '../storage/volume-record.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import { readPayloadCertificate } from './issued-facts.ts';
import { payloadAccess } from './payload-access.ts';

/** The contents of a new or restored volume. */
export interface VolumeContents {
  readonly spec: VolumeSpec;
  readonly record: VolumeRecord;
  readonly secrets: VolumeSecrets;
}

/** Dependencies of a stored volume. */
export interface StoredVolumeParts {
  readonly store: VolumeStore;
  /** Called when a write failed that the next transition repeats. */
  readonly onWriteFailed: (error: CertfleetError) => void;
}

/**
 * A volume's record and secrets, in its files and in memory. Every write goes to the files first. Methods named `try…`
 * change the memory even if the write fails; the others throw and change nothing.
 */
export class StoredVolume {
  /** The record in memory. */
  record: VolumeRecord;
  spec: VolumeSpec;
  /** Set when removal begins; nothing is written any more. */
  isRemoving = false;
  readonly #parts: StoredVolumeParts;
  #secrets: VolumeSecrets;

  constructor(parts: StoredVolumeParts, { spec, record, secrets }: VolumeContents) {
    this.#parts = parts;
    this.spec = spec;
    this.record = record;
    this.#secrets = secrets;
  }

  get secrets(): VolumeSecrets {
    return this.#secrets;
  }

  /** @throws CertfleetError not-found if the volume is being removed, or as VolumeStore.writeRecord does */
  writeRecord(record: VolumeRecord): void {
    this.assertPresent();
    this.#parts.store.writeRecord(record);
    this.record = record;
  }

  /** @throws CertfleetError not-found if the volume is being removed, or as VolumeStore.writeSecrets does */
  writeSecrets(change: VolumeSecrets): void {
    this.assertPresent();
    const secrets = { ...this.#secrets, ...change };
    this.#parts.store.writeSecrets(this.record.volumeId, secrets);
    this.#secrets = secrets;
  }

  tryWriteRecord(record: VolumeRecord): void {
    this.#try(() => this.#parts.store.writeRecord(record));
    this.record = record;
  }

  tryWriteSecrets(change: VolumeSecrets): void {
    const secrets = { ...this.#secrets, ...change };
    this.#try(() => this.#parts.store.writeSecrets(this.record.volumeId, secrets));
    this.#secrets = secrets;
  }

  /**
   * Replaces the files by others for the same certificate.
   * @throws CertfleetError as VolumeStore.writePayload does
   */
  writeCaFile(payload: Payload): void {
    try {
      this.#parts.store.writePayload(this.record.volumeId, payload, payloadAccess(this.spec));
    } finally {
      // Also after a failure: it can come after the rename that publishes the files, and a repetition finds no change.
      this.tryWriteReloadMarker();
    }
  }

  /** Tells a program that watches the marker file that the volume's certificate or CA file changed. */
  tryWriteReloadMarker(): void {
    const { store } = this.#parts;
    const { reloadMarker: name, ca } = this.spec.files;
    const { volumeId, issued } = this.record;
    if (name === undefined || issued === undefined) return;
    const { fingerprintSha256 } = issued;
    this.#try(() => {
      const caFile = store.readPayloadFile(volumeId, { name: ca, maxBytes: Infinity }) ?? '';
      const caFileSha256 = createHash('sha256').update(caFile).digest('hex');
      store.writeReloadMarker(volumeId, { name, fingerprintSha256, caFileSha256 }, payloadAccess(this.spec));
    });
  }

  /** Deletes the key of a request that is over, so that the next request cannot reuse it. */
  dropPendingKey(): void {
    if (this.#secrets.pendingKeyPem !== undefined) this.tryWriteSecrets({ pendingKeyPem: undefined });
  }

  /** SHA-256 of the certificate that the pod sees; undefined if there is none that can be read. */
  publishedFingerprint(): string | undefined {
    try {
      const payload = this.#parts.store.readPayload(this.record.volumeId);
      return readPayloadCertificate(payload, this.spec, this.record.trust)?.fingerprintSha256;
    } catch {
      return undefined;
    }
  }

  /** @throws CertfleetError not-found if the volume is being removed */
  assertPresent(): void {
    if (!this.isRemoving) return;
    throw new CertfleetError('not-found', `volume ${this.record.volumeId} is being removed`);
  }

  #try(write: () => void): void {
    if (this.isRemoving) return;
    try {
      write();
    } catch (thrown) {
      this.#parts.onWriteFailed(asCertfleetError(thrown));
    }
  }
}
