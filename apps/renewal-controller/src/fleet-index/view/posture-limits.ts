import type { postureKinds } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { volumeFilter } from '../query/volume-filter.ts';

/** A limit for certificates. Its violations are the volumes that match a filter of the table, so both always agree. */
export interface PostureLimit {
  readonly kind: (typeof postureKinds)[number];
  /** What the limit excludes. */
  readonly text: string;
  readonly filter: VolumeFilter;
}

/** The limits as they are configured; each may be absent. */
export interface PostureSettings {
  readonly minRsaBits: number;
  /** Patterns of signature algorithms. */
  readonly refusedSignatures: readonly string[];
  /** A length such as `90d`. */
  readonly maxLifetime: string | undefined;
  readonly allowCa: boolean;
}

export function postureLimits(settings: PostureSettings): readonly PostureLimit[] {
  const { minRsaBits, refusedSignatures, maxLifetime, allowCa } = settings;
  const limits: PostureLimit[] = [];
  if (minRsaBits > 0)
    limits.push({
      kind: 'rsa-bits',
      text: `RSA keys below ${minRsaBits} bits`,
      filter: { rsaBelow: String(minRsaBits) },
    });
  if (refusedSignatures.length > 0)
    limits.push({
      kind: 'signature',
      text: `Signatures with ${refusedSignatures.map((pattern) => pattern.replaceAll('*', '')).join(' or ')}`,
      filter: { signature: refusedSignatures.join(',') },
    });
  if (maxLifetime !== undefined)
    limits.push({ kind: 'lifetime', text: `Lifetimes over ${maxLifetime}`, filter: { lifetimeOver: maxLifetime } });
  if (!allowCa) limits.push({ kind: 'ca', text: 'Certificates of a CA', filter: { isCa: 'true' } });
  return limits;
}

export interface PostureCounts {
  readonly violations: readonly { readonly limit: PostureLimit; readonly count: number }[];
  /** Volumes with a certificate whose agent reports only its lifetime. */
  readonly unknown: number;
}

/** Counts the violations of each limit, in one pass. */
export function countPosture(limits: readonly PostureLimit[], volumes: Iterable<IndexedVolume>): PostureCounts {
  const counters = limits.map((limit) => ({ limit, matches: volumeFilter(limit.filter), count: 0 }));
  let unknown = 0;
  for (const volume of volumes) {
    if (volume.certificate === undefined) continue;
    if (volume.signatureAlgorithm === undefined) unknown += 1;
    // These filters do not depend on the status.
    for (const counter of counters) if (counter.matches(volume, 'healthy')) counter.count += 1;
  }
  return { violations: counters.map(({ limit, count }) => ({ limit, count })), unknown };
}
