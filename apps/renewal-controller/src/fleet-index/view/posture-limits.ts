import type { PostureLimitFacts } from '@certfleet/operator-api/posture-limits.ts';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { volumeFilter } from '../query/volume-filter.ts';

/** A limit for certificates. Its violations are the volumes that match a filter of the table, so both always agree. */
export interface PostureLimit {
  readonly excluded: PostureLimitFacts;
  readonly filter: VolumeFilter;
  readonly isViolatedBy: (volume: IndexedVolume) => boolean;
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
  const add = (excluded: PostureLimitFacts, filter: VolumeFilter): void => {
    const matches = volumeFilter(filter);
    // These filters do not depend on the status.
    limits.push({ excluded, filter, isViolatedBy: (volume) => matches(volume, 'healthy') });
  };
  if (minRsaBits > 0) add({ kind: 'rsa-bits', facts: { bits: minRsaBits } }, { rsaBelow: String(minRsaBits) });
  if (refusedSignatures.length > 0) {
    const algorithms = refusedSignatures.map((pattern) => pattern.replaceAll('*', ''));
    add({ kind: 'signature', facts: { algorithms } }, { signature: refusedSignatures.join(',') });
  }
  if (maxLifetime !== undefined)
    add({ kind: 'lifetime', facts: { longest: maxLifetime } }, { lifetimeOver: maxLifetime });
  if (!allowCa) add({ kind: 'ca', facts: {} }, { isCa: 'true' });
  return limits;
}

export interface PostureCounts {
  readonly violations: readonly { readonly limit: PostureLimit; readonly count: number }[];
  /** Volumes with a certificate whose agent reports only its lifetime. */
  readonly unknown: number;
}

/** Counts the violations of each limit. */
export class PostureCounter {
  readonly #limits: readonly PostureLimit[];
  /** In the order of the limits. */
  readonly #violations: number[];
  #unknown = 0;

  constructor(limits: readonly PostureLimit[]) {
    this.#limits = limits;
    this.#violations = limits.map(() => 0);
  }

  count(volume: IndexedVolume): void {
    if (volume.certificate === undefined) return;
    if (volume.signatureAlgorithm === undefined) this.#unknown += 1;
    this.#limits.forEach(({ isViolatedBy }, i) => {
      if (isViolatedBy(volume)) this.#violations[i] = (this.#violations[i] ?? 0) + 1;
    });
  }

  /** @param other counts of the same limits */
  add(other: PostureCounter): void {
    this.#unknown += other.#unknown;
    other.#violations.forEach((count, i) => (this.#violations[i] = (this.#violations[i] ?? 0) + count));
  }

  counts(): PostureCounts {
    const violations = this.#limits.map((limit, i) => ({ limit, count: this.#violations[i] ?? 0 }));
    return { violations, unknown: this.#unknown };
  }
}
