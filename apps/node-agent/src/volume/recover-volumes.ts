import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { inspectChain } from '../crypto/certificate-chain.ts';
import type { ChainFacts } from '../crypto/certificate-chain.ts';
import type { Mounter } from '../mount/mounter.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Payload } from '../storage/payload.ts';
import { findPeerVolumes } from '../storage/peer-volumes.ts';
import { joinSecrets } from '../storage/secret-attributes.ts';
import type { VolumeLayout } from '../storage/volume-layout.ts';
import type { DamagedEntry } from '../storage/volume-listing.ts';
import type { VolumeRecord } from '../storage/volume-record.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import { changeSecrets } from './managed-volume.ts';
import type { ManagedVolume } from './managed-volume.ts';
import type { ParseVolume } from './parse-volume.ts';
import { issuedFacts, nextRequestName } from './volume-issuance.ts';

/** What a start finds the node's volumes with. */
export interface RecoveryOptions {
  readonly store: VolumeStore;
  /** Where another driver left its volumes; undefined when nothing is to be taken over. */
  readonly adopted: VolumeLayout | undefined;
  readonly mounter: Mounter;
  readonly parseVolume: ParseVolume;
  readonly clock: Clock;
}

/** What a start found. */
export interface RecoveredVolumes {
  readonly volumes: readonly ManagedVolume[];
  /** How many of them were taken over from another driver just now. */
  readonly adoptedCount: number;
  /** What was set aside, to be told to the operator. */
  readonly damaged: readonly DamagedEntry[];
}

/** Takes up every volume of this node: ours from an earlier run, and another driver's that its pods still use. */
export async function recoverVolumes(options: RecoveryOptions): Promise<RecoveredVolumes> {
  const { store, adopted, clock, mounter } = options;
  const damaged: DamagedEntry[] = [];
  let adoptedCount = 0;
  if (adopted !== undefined) {
    const found = await findPeerVolumes(adopted, { mounter, clock, inspect: inspectChain });
    damaged.push(...found.refused);
    for (const { record, secrets } of found.adoptable) {
      try {
        store.adopt(record, secrets);
        adoptedCount += 1;
      } catch (thrown) {
        // A full or read-only directory of one volume must not keep the others' agent from starting.
        damaged.push({ path: record.volumeId, reason: `cannot be taken over: ${asCertfleetError(thrown).message}` });
      }
    }
  }
  const listing = store.list();
  damaged.push(...listing.damaged);
  const volumes: ManagedVolume[] = [];
  for (const record of listing.records) {
    try {
      volumes.push(await takeUp(record, options));
    } catch (thrown) {
      damaged.push({ path: record.volumeId, reason: asCertfleetError(thrown).message });
    }
  }
  return { volumes, adoptedCount, damaged };
}

async function takeUp(
  record: VolumeRecord,
  { store, parseVolume, mounter, clock }: RecoveryOptions,
): Promise<ManagedVolume> {
  const secrets = store.readSecrets(record.volumeId);
  const spec = parseVolume({ ...record, attributes: joinSecrets(record.attributes, secrets), lenient: true });
  // A mount that the record does not know may be half done (bound, still writable): the next publish makes it anew.
  const isPublished = record.phase === 'published' && (await mounter.isMounted(record.targetPath));
  const volume: ManagedVolume = {
    volumeId: record.volumeId,
    spec,
    store,
    // A mount that is gone went with the pod or with a reboot: only the kubelet can say which, by publishing again.
    record: { ...record, phase: isPublished ? 'published' : 'created' },
    secrets,
    failedAttempts: 0,
    lastCause: undefined,
    lastIssuanceMs: undefined,
    requestIsSpent: false,
    unpublished: new AbortController(),
  };
  believeFiles(volume, clock);
  return volume;
}

/**
 * A kill between the swap of the files and the write of the record leaves newer files beside an older record. What the
 * pod reads is the truth; asking for another certificate would be one for nothing.
 */
function believeFiles(volume: ManagedVolume, clock: Clock): void {
  const { store, volumeId, spec, record } = volume;
  const payload = store.readPayload(volumeId);
  const facts = readCertificate(payload, spec);
  if (facts === undefined) {
    volume.record = { ...record, issued: undefined };
    return;
  }
  if (facts.fingerprintSha256 === record.issued?.fingerprintSha256) return;
  const issued = issuedFacts(facts, {
    requestName: nextRequestName(volume),
    issuedAt: new Date(clock.now()),
    renewBeforeMs: spec.renewBeforeMs,
  });
  const generation = record.generation + 1;
  // First the key, as when it is issued: with a newer record beside it, it would pass for the next request's.
  changeSecrets(volume, { pendingKeyPem: undefined });
  volume.record = { ...record, issued, generation, lastFailure: undefined, heldUntil: undefined };
  store.writeRecord(volume.record);
}

/** Undefined when there is no certificate with its key, or none that can be read: then one is issued at once. */
function readCertificate(payload: Payload, { files }: VolumeSpec): ChainFacts | undefined {
  const certificate = payload.get(files.certificate);
  if (certificate === undefined || !payload.has(files.privateKey)) return undefined;
  try {
    return inspectChain(certificate.toString(), payload.get(files.ca)?.toString());
  } catch {
    return undefined;
  }
}
