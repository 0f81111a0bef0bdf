import type { Gauge } from 'prom-client';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { countCas, largestFirst } from '../fleet-index/view/ca-history.ts';

/** The volumes under one CA, or under all that have no series of their own. */
export interface CaVolumes {
  /** SHA-256, hexadecimal, or `other`. */
  readonly fingerprint: string;
  readonly volumes: number;
  /** Subject; undefined until an agent has sent the certificate, and for `other`. */
  readonly name: string | undefined;
}

export interface CaSettings {
  /** CAs with a series of their own; 0 for no metric of CAs. */
  readonly maxNamed: number;
  readonly nameOf: (fingerprint: string) => string | undefined;
}

const other = 'other';

/** The CAs with most volumes, and the sum of the others. A volume counts for each certificate of its CA. */
export function caVolumes(
  volumes: Iterable<IndexedVolume>,
  { maxNamed, nameOf }: CaSettings,
): readonly CaVolumes[] | undefined {
  if (maxNamed === 0) return undefined;
  const sorted = largestFirst(countCas(volumes).cas);
  const named = sorted
    .slice(0, maxNamed)
    .map(([fingerprint, count]) => ({ fingerprint, volumes: count, name: nameOf(fingerprint) }));
  const rest = sorted.slice(maxNamed).reduce((sum, [, count]) => sum + count, 0);
  return rest === 0 ? named : [...named, { fingerprint: other, volumes: rest, name: undefined }];
}

type Register = (
  name: string,
  labels: readonly string[],
  help: string,
  show: (gauge: Gauge, index: { readonly cas?: readonly CaVolumes[] | undefined }) => void,
) => void;

/** Registers the gauges of CAs: a history that does not end with Redis. */
export function caGauges(gauge: Register): void {
  gauge(
    'ca_volumes',
    ['fingerprint'],
    'Volumes on nodes that are not silent by the SHA-256 of each certificate of their CA. Only the CAs with most volumes have their own series, as many as --ca-metrics; the rest is "other".',
    (g, { cas = [] }) => {
      for (const { fingerprint, volumes } of cas) g.set({ fingerprint }, volumes);
    },
  );
  // A label of ca_volumes would begin another series when the name becomes known.
  gauge(
    'ca_info',
    ['fingerprint', 'name'],
    '1 for each CA of ca_volumes whose subject an agent has sent.',
    (g, { cas = [] }) => {
      for (const { fingerprint, name } of cas) if (name !== undefined) g.set({ fingerprint, name }, 1);
    },
  );
}
