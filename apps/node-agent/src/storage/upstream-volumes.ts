import { join } from 'node:path';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { kernelMounts } from '../mount/linux-mounter.ts';
import type { MountProbe } from '../mount/linux-mounter.ts';
import { attributeGroup, attributes } from '../spec/attributes.ts';
import { systemFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { currentPayloadName, readPayload } from './payload.ts';
import { upstreamMetadataFile } from './upstream-layout.ts';
import { parseUpstreamMetadata } from './upstream-metadata.ts';
import type { UpstreamMetadata } from './upstream-metadata.ts';
import { splitSecrets } from './secret-attributes.ts';
import { damaged } from './storage-error.ts';
import { assertSafeVolumeId } from './volume-id.ts';
import type { VolumeLayout } from './volume-layout.ts';
import type { DamagedEntry } from './volume-listing.ts';
import type { CertificateFacts, IssuedFacts, VolumeRecord, VolumeSecrets } from './volume-record.ts';

/** Reads a certificate chain and its CA file in PEM; throws if they are not certificates. */
export type InspectCertificate = (certificatePem: string, caPem: string | undefined) => CertificateFacts;

export interface UpstreamSearch {
  /**
   * Uses the kernel's view: a mount table lists paths without symbolic links, and the kubelet's directory may be one.
   */
  readonly mounts?: MountProbe;
  readonly inspect: InspectCertificate;
  readonly clock: Pick<Clock, 'now'>;
  readonly files?: FileSystem;
}

/** The volumes that can be adopted (VolumeStore.adopt), and the entries that cannot, with the reason. */
export interface UpstreamVolumes {
  readonly adoptable: readonly { readonly record: VolumeRecord; readonly secrets: VolumeSecrets }[];
  readonly refused: readonly DamagedEntry[];
}

/** Searches csi-driver's directory. Volumes that were adopted before are not included: their own record applies. */
export function findUpstreamVolumes(layout: VolumeLayout, search: UpstreamSearch): UpstreamVolumes {
  const { root } = layout;
  const { files = systemFiles, mounts = kernelMounts } = search;
  const adoptable: { record: VolumeRecord; secrets: VolumeSecrets }[] = [];
  const refused: DamagedEntry[] = [];
  for (const name of files.readdirSync(root)) {
    const directory = join(root, name);
    if (name.startsWith('..') || files.existsSync(join(directory, layout.recordFile))) continue;
    try {
      const metadata = readMetadata(files, directory, name);
      assertMounted(mounts, directory, metadata);
      adoptable.push(toVolume(directory, metadata, { ...search, files, mounts }));
    } catch (error) {
      refused.push({ path: directory, reason: asCertfleetError(error).message });
    }
  }
  return { adoptable, refused };
}

function readMetadata(files: FileSystem, directory: string, name: string): UpstreamMetadata {
  assertSafeVolumeId(name);
  const path = join(directory, upstreamMetadataFile);
  if (!files.lstatSync(directory).isDirectory()) throw damaged('expected a directory');
  if (!files.existsSync(path)) throw damaged(`expected ${upstreamMetadataFile} in it, found none`);
  if (!files.lstatSync(path).isFile()) throw damaged(`expected ${upstreamMetadataFile} to be a plain file`);
  const metadata = parseUpstreamMetadata(files.readFileSync(path, 'utf8'));
  if (metadata.volumeId !== name) throw damaged(`volumeID: expected ${name}, found that of another volume`);
  return metadata;
}

/** Without a mount no pod uses the files; the kubelet publishes the volume again if it is needed. */
function assertMounted(mounts: MountProbe, directory: string, { targetPath }: UpstreamMetadata): void {
  if (mounts.shows(join(directory, 'data'), targetPath)) return;
  const found = mounts.isMounted(targetPath) ? 'another mount' : 'no mount';
  throw damaged(`expected its data directory bind-mounted at ${targetPath}, found ${found}`);
}

function toVolume(
  directory: string,
  metadata: UpstreamMetadata,
  search: Required<UpstreamSearch>,
): { record: VolumeRecord; secrets: VolumeSecrets } {
  const { volumeId, targetPath, volumeMountGroup } = metadata;
  const { attributes: volumeAttributes, secrets } = splitSecrets(metadata.volumeContext);
  const issued = issuedFacts(directory, metadata, search);
  const record: VolumeRecord = Object.freeze({
    volumeId,
    targetPath,
    attributes: Object.freeze({ ...volumeAttributes, ...keptProfile(volumeAttributes) }),
    volumeMountGroup,
    createdAt: new Date(search.clock.now()),
    phase: 'published',
    generation: issued === undefined ? 0 : 1,
    issued,
  });
  return { record, secrets };
}

/**
 * csi-driver always writes RC2 and 3DES. A running JVM that reads the file again may not support AES, so a legacy profile
 * is kept for the lifetime of the pod: 3DES, which every reader of RC2 opens, and OpenSSL 3 too.
 */
function keptProfile(volumeAttributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { pkcs12Enable, pkcs12Profile } = attributes;
  const isEnabled = [pkcs12Enable.name, pkcs12Enable.alias].some(
    (name) => name !== undefined && volumeAttributes[`${attributeGroup}/${name}`] === 'true',
  );
  return isEnabled ? { [`${attributeGroup}/${pkcs12Profile.name}`]: 'LegacyDES' } : {};
}

/**
 * Undefined if csi-driver never issued or the files contain no certificate; a certificate is then issued immediately.
 */
function issuedFacts(
  directory: string,
  { nextIssuanceTime, volumeContext }: UpstreamMetadata,
  { files, inspect }: Required<UpstreamSearch>,
): IssuedFacts | undefined {
  const data = join(directory, 'data');
  const payloadName = currentPayloadName(files, data);
  const payload = readPayload(files, data);
  const fileOf = (attribute: { readonly name: string; readonly unset: string }): string | undefined => {
    const name = volumeContext[`${attributeGroup}/${attribute.name}`] ?? '';
    return payload.get(name === '' ? attribute.unset : name)?.toString();
  };
  const certificatePem = fileOf(attributes.certificateFile);
  if (nextIssuanceTime === undefined || payloadName === undefined || certificatePem === undefined) return undefined;
  try {
    return Object.freeze({
      ...inspect(certificatePem, fileOf(attributes.caFile)),
      requestName: undefined,
      issuedAt: files.lstatSync(join(data, payloadName)).mtime,
      renewAt: nextIssuanceTime,
    });
  } catch {
    return undefined;
  }
}
