import { quoted } from './attribute-problems.ts';
import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import { parseGroupId } from './scalar-values.ts';
import type { VolumeSpec } from './volume-spec.ts';

const readableByOthers = 0o044;

/** Owner, group and modes of the volume's files. */
export function parseFileAccess(
  reader: AttributeReader,
  volumeMountGroup: string,
): Pick<VolumeSpec, 'fsUser' | 'fsGroup' | 'fileMode' | 'privateFileMode'> {
  const fsUser = reader.read(attributes.fsUser);
  const fileMode = reader.read(attributes.defaultMode);
  const privateKeyMode = reader.read(attributes.privateKeyMode);
  if ((fsUser ?? 0) === 0) {
    warnIfUnreadable(reader, attributes.defaultMode, fileMode);
    warnIfUnreadable(reader, attributes.privateKeyMode, privateKeyMode ?? readableByOthers);
  }
  const fsGroup = parseFsGroup(reader, volumeMountGroup);
  return { fsUser, fsGroup, fileMode, privateFileMode: privateKeyMode ?? fileMode };
}

function warnIfUnreadable(
  reader: AttributeReader,
  attribute: typeof attributes.defaultMode | typeof attributes.privateKeyMode,
  mode: number,
): void {
  if ((mode & readableByOthers) !== 0) return;
  reader.warn(attribute, 'only root can read the files: set fs-user, or let the group read them');
}

function parseFsGroup(reader: AttributeReader, volumeMountGroup: string): number | undefined {
  const fsGroup = reader.read(attributes.fsGroup);
  // A pod's fsGroup may be 0, which is the group of the files anyway.
  if (fsGroup !== undefined || volumeMountGroup === '' || volumeMountGroup === '0') return fsGroup;
  try {
    return parseGroupId(volumeMountGroup);
  } catch {
    reader.reject(attributes.fsGroup, `the kubelet's volume_mount_group ${quoted(volumeMountGroup)} is not a group id`);
    return undefined;
  }
}
