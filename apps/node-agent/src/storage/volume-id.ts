import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Maximum size of a string field in the CSI specification ("Size Limits"). */
const maxIdBytes = 128;

/**
 * Ensures that a volume id is one plain directory name: it is untrusted input and becomes part of paths. Names that
 * begin with two dots are reserved for the store. (The kubelet's ids of inline volumes are `csi-` and 64 hex digits.)
 * @throws CertfleetError invalid-argument
 */
export function assertSafeVolumeId(volumeId: string): void {
  const problem = problemOf(volumeId);
  if (problem === undefined) return;
  const shown = JSON.stringify(volumeId.slice(0, maxIdBytes));
  throw new CertfleetError('invalid-argument', `volume_id: ${problem}, found ${shown}`);
}

function problemOf(volumeId: string): string | undefined {
  if (volumeId === '') return 'required';
  if (Buffer.byteLength(volumeId) > maxIdBytes) return `expected at most ${maxIdBytes} bytes`;
  if (volumeId === '.' || volumeId.startsWith('..')) return 'expected no "." and nothing that begins with ".."';
  // Lone surrogates all become the same bytes in a file name, so that two ids would share a directory.
  if (!volumeId.isWellFormed()) return 'expected well-formed Unicode';
  return /[/\p{Cc}]/u.test(volumeId) ? 'expected no slash and no control character' : undefined;
}
