import type { volumeSorts, VolumeStatus } from '@certfleet/operator-api/vocabulary.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { issuerKey } from './indexed-volume.ts';
import type { IndexedVolume } from './indexed-volume.ts';
import { statusRanks } from './volume-status.ts';

/** What the table is sorted by. */
export type VolumeSort = (typeof volumeSorts)[number];

/** A volume in its place in the table. */
export interface SortedVolume {
  /** What it is sorted by. */
  readonly key: string | number;
  readonly volume: IndexedVolume;
  readonly status: VolumeStatus;
}

/** A place in the table, which need not be there any more. */
export interface PageCursor {
  readonly key: string | number;
  readonly node: string;
  readonly volumeId: string;
}

/** What volumes are sorted by; one without a certificate comes after all that have one. */
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

/** How two places stand to each other: by key, and equal keys by node and volume id, so that no two are equal. */
export function compareCursors(a: PageCursor, b: PageCursor, sign: 1 | -1): number {
  if (a.key !== b.key) return a.key < b.key ? -sign : sign;
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  if (a.volumeId === b.volumeId) return 0;
  return a.volumeId < b.volumeId ? -1 : 1;
}

/** The opaque cursor of a place. */
export function encodeCursor({ key, node, volumeId }: PageCursor): string {
  return Buffer.from(JSON.stringify([key === Infinity ? null : key, node, volumeId])).toString('base64url');
}

/** @throws CertfleetError invalid-argument for what `encodeCursor` did not write */
export function decodeCursor(cursor: string): PageCursor {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const [key, node, volumeId] = parsed as unknown[];
    const isKey = key === null || typeof key === 'string' || typeof key === 'number';
    if (isKey && typeof node === 'string' && typeof volumeId === 'string') {
      return { key: key ?? Infinity, node, volumeId };
    }
  } catch {
    // Said below.
  }
  throw new CertfleetError('invalid-argument', 'after: expected the `next` of a page, found something else');
}
