import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import type { volumeSorts } from '@certfleet/operator-api/vocabulary.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { issuerKey } from '../model/indexed-volume.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { statusRanks } from '../model/volume-status.ts';

/** The sort keys of the table. */
export type VolumeSort = (typeof volumeSorts)[number];

/** A volume with its sort key. */
export interface SortedVolume {
  readonly key: string | number;
  readonly volume: IndexedVolume;
  readonly status: VolumeStatus;
}

/** A position in the table; its volume may no longer exist. */
export interface PageCursor {
  readonly key: string | number;
  readonly node: string;
  readonly volumeId: string;
}

/** The values to sort by; a volume without a certificate is last. */
export const sortKeys: Readonly<Record<VolumeSort, (volume: IndexedVolume, status: VolumeStatus) => string | number>> =
  {
    expires: ({ certificate }) => certificate?.notAfterMs ?? Infinity,
    renews: ({ certificate }) => certificate?.renewAtMs ?? Infinity,
    namespace: ({ namespace }) => namespace,
    pod: ({ pod }) => pod,
    node: ({ node }) => node,
    issuer: ({ issuer }) => issuerKey(issuer),
    state: (_volume, status) => statusRanks[status],
    attempts: ({ failure }) => failure?.attempts ?? 0,
  };

/** Compares two positions by key, then by node and volume id, so that no two are equal. */
export function compareCursors(a: PageCursor, b: PageCursor, sign: 1 | -1): number {
  if (a.key !== b.key) return a.key < b.key ? -sign : sign;
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  if (a.volumeId === b.volumeId) return 0;
  return a.volumeId < b.volumeId ? -1 : 1;
}

/** The opaque cursor of a position. */
export function encodeCursor({ key, node, volumeId }: PageCursor): string {
  return Buffer.from(JSON.stringify([key === Infinity ? null : key, node, volumeId])).toString('base64url');
}

/** @throws CertfleetError invalid-argument if the cursor is malformed */
export function decodeCursor(cursor: string): PageCursor {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const [key, node, volumeId] = parsed as unknown[];
    const isKey = key === null || typeof key === 'string' || typeof key === 'number';
    if (isKey && typeof node === 'string' && typeof volumeId === 'string') {
      return { key: key ?? Infinity, node, volumeId };
    }
  } catch {
    // Reported below.
  }
  throw new CertfleetError(
    'invalid-argument',
    'expected the `next` or `previous` cursor of a page, found another value',
  );
}
