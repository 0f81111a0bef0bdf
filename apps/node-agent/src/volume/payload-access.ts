import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { PayloadAccess } from '../storage/payload-writer.ts';

/** Owner, group and modes of the volume's files. */
export function payloadAccess(spec: VolumeSpec): PayloadAccess {
  const { files, pkcs12, jks, fsUser, fsGroup, fileMode, privateFileMode } = spec;
  const storeFiles = [pkcs12, jks].flatMap((store) => [store?.keystoreFile, store?.passwordFile]);
  const privateFiles = new Set([files.privateKey, files.combinedPem, ...storeFiles]);
  return { uid: fsUser, gid: fsGroup, modeOf: (name) => (privateFiles.has(name) ? privateFileMode : fileMode) };
}
