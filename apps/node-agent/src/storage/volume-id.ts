import { CertfleetError } from '@certfleet/shared/errors.ts';

/** The most that the CSI specification allows in a string field ("Size Limits"). */
const maxIdBytes = 128;

/**
 * Makes sure that a volume id is one plain directory name: it comes from outside and is joined into paths. Names that
 * begin with two dots are kept for the store's own work. (The kubelet's ids of inline volumes are `csi-` and 64 hex digits.)
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
  // Lone surrogates all become the same bytes in a file name, so two ids would share a directory.
  if (!volumeId.isWellFormed()) return 'expected well-formed Unicode';
  return /[/\p{Cc}]/u.test(volumeId) ? 'expected no slash and no control character' : undefined;
}
