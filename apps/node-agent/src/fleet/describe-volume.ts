import { X509Certificate } from 'node:crypto';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';
import type { Volume } from '../volume/volume.ts';
import type { VolumeDescription } from './fleet-volumes.ts';

/** Larger than the maximum size of an issuer's response. */
export const maxFileBytes = 2 * 1024 * 1024;

/** A chain seldom has more than four certificates; the public roots of a distribution are about 150 in 200 KB. */
const limits = {
  chain: { certificates: 32, bytes: 128 * 1024 },
  ca: { certificates: 512, bytes: 384 * 1024 },
};
const maxText = 256;

/**
 * The current content of a volume's certificate and CA files. Only certificates are returned: each is parsed and
 * encoded again, and any other content of the files is ignored.
 */
export function describeVolume(volume: Pick<Volume, 'store' | 'volumeId' | 'spec'> | undefined): VolumeDescription {
  if (volume === undefined) return absent('the node has no such volume');
  const { certificate, ca } = volume.spec.files;
  try {
    const chain = bounded(certificatesOf(volume, certificate), limits.chain);
    if (chain.kept.length === 0) return absent('the volume has no certificate yet');
    const authorities = bounded(certificatesOf(volume, ca), limits.ca);
    return {
      chain: chain.kept,
      ca: authorities.kept,
      truncated: chain.isCut || authorities.isCut,
      absent: '',
    };
  } catch (thrown) {
    return absent(`its files cannot be read: ${asCertfleetError(thrown).message}`);
  }
}

function absent(why: string): VolumeDescription {
  return { chain: [], ca: [], truncated: false, absent: why.slice(0, maxText) };
}

function certificatesOf({ store, volumeId }: Pick<Volume, 'store' | 'volumeId'>, name: string): Buffer[] {
  const text = store.readPayloadFile(volumeId, { name, maxBytes: maxFileBytes })?.toString() ?? '';
  return parsePem(text)
    .filter(({ label }) => label === 'CERTIFICATE')
    .flatMap(({ der }) => reencoded(der));
}

function reencoded(der: Buffer): Buffer[] {
  try {
    return [new X509Certificate(der).raw];
  } catch {
    return [];
  }
}

function bounded(
  certificates: readonly Buffer[],
  { certificates: most, bytes }: { readonly certificates: number; readonly bytes: number },
): { readonly kept: Buffer[]; readonly isCut: boolean } {
  let size = 0;
  const kept = certificates.slice(0, most).filter(({ length }) => (size += length) <= bytes);
  return { kept, isCut: kept.length < certificates.length };
}
