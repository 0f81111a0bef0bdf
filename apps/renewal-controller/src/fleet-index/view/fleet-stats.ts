import { volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { expirySpanOf, expirySpans, nextSpanMs } from './expiry-spans.ts';
import { failingSinceMs, issuerKey } from '../model/indexed-volume.ts';
import type { IndexedFailure, IssuerName, IndexedVolume } from '../model/indexed-volume.ts';
import { nextStatusMs, statusRanks } from '../model/volume-status.ts';
import { NotLoadedCounter } from './not-loaded.ts';
import type { NotLoadedVolumes } from './not-loaded.ts';
import { PostureCounter } from './posture-limits.ts';
import type { PostureCounts, PostureLimit } from './posture-limits.ts';

/** Counts of a group of volumes. */
export interface VolumeTally {
  readonly volumes: number;
  readonly byState: Readonly<Record<VolumeStatus, number>>;
  /** Of unexpired volumes. */
  readonly soonestExpiryMs: number | undefined;
}

export interface IssuerTally extends VolumeTally {
  readonly issuer: IssuerName;
  readonly key: string;
  /** The earliest time since which one of its volumes has been failing. */
  readonly failingSinceMs: number | undefined;
  /** The latest failure of its volumes. */
  readonly lastFailure: IndexedFailure | undefined;
  /** Of its failing volumes that have not expired. */
  readonly soonestFailingExpiryMs: number | undefined;
}

/** The volumes of the whole fleet, or of some of its nodes. */
export interface FleetStats {
  readonly atMs: number;
  readonly all: VolumeTally;
  readonly issuers: ReadonlyMap<string, IssuerTally>;
  readonly nodes: ReadonlyMap<string, VolumeTally>;
  readonly issuersByNode: ReadonlyMap<string, ReadonlyMap<string, IssuerTally>>;
  readonly namespaces: ReadonlyMap<string, VolumeTally>;
  /** Number of certificates per span of `expirySpans`. */
  readonly expiry: readonly number[];
  readonly notLoaded: NotLoadedVolumes;
  readonly posture: PostureCounts;
  /** Failing or overdue volumes that expire within an hour. */
  readonly urgent: number;
}

const urgentMs = 3_600_000;

/** Counts of volumes at one time. They stay true until a volume changes, or until the clock reaches `validUntilMs`. */
export class VolumeCounts {
  readonly #all = new Tally();
  readonly #issuers = new Map<string, IssuerCounter>();
  readonly #namespaces = new Map<string, Tally>();
  readonly #expiry = expirySpans.map(() => 0);
  readonly #notLoaded = new NotLoadedCounter();
  readonly #posture: PostureCounter;
  #urgent = 0;
  readonly #nowMs: number;
  /** Equal issuers are mostly the same object, so the key is rarely computed. */
  readonly #byIssuer = new Map<IssuerName, IssuerCounter>();
  #validUntilMs = Infinity;

  constructor(nowMs: number, limits: readonly PostureLimit[]) {
    this.#nowMs = nowMs;
    this.#posture = new PostureCounter(limits);
  }

  /** Whether they are still true at another time, which may also be an earlier one. */
  isValidAt(nowMs: number): boolean {
    return nowMs >= this.#nowMs && nowMs < this.#validUntilMs;
  }

  count(volume: IndexedVolume, status: VolumeStatus): void {
    const { certificate, namespace } = volume;
    const rank = statusRanks[status];
    const expiresMs = certificate === undefined || status === 'expired' ? Infinity : certificate.notAfterMs;
    this.#all.count(rank, expiresMs);
    this.#issuerOf(volume.issuer).countVolume(rank, expiresMs, volume);
    if ((status === 'failing' || status === 'overdue') && expiresMs - this.#nowMs <= urgentMs) this.#urgent += 1;
    this.#namespaceOf(namespace).count(rank, expiresMs);
    this.#notLoaded.count(volume);
    this.#posture.count(volume);
    if (certificate === undefined) return;
    const span = expirySpanOf(certificate.notAfterMs - this.#nowMs);
    this.#expiry[span] = (this.#expiry[span] ?? 0) + 1;
    const changesMs = Math.min(nextSpanMs(certificate.notAfterMs, span), nextStatusMs(volume, this.#nowMs));
    if (changesMs < this.#validUntilMs) this.#validUntilMs = changesMs;
  }

  add(other: VolumeCounts): void {
    this.#all.add(other.#all);
    for (const counter of other.#issuers.values()) this.#issuerOf(counter.issuer).addIssuer(counter);
    for (const [name, tally] of other.#namespaces) this.#namespaceOf(name).add(tally);
    other.#expiry.forEach((count, span) => (this.#expiry[span] = (this.#expiry[span] ?? 0) + count));
    this.#notLoaded.add(other.#notLoaded);
    this.#posture.add(other.#posture);
    this.#urgent += other.#urgent;
  }

  /** @param nodes the counts that were added, by node */
  stats(nodes: ReadonlyMap<string, VolumeCounts>): FleetStats {
    return {
      atMs: this.#nowMs,
      all: this.#all,
      issuers: this.#issuers,
      nodes: new Map(Array.from(nodes, ([node, counts]) => [node, counts.#all])),
      issuersByNode: new Map(Array.from(nodes, ([node, counts]) => [node, counts.#issuers])),
      namespaces: this.#namespaces,
      expiry: this.#expiry,
      notLoaded: this.#notLoaded.volumes(),
      posture: this.#posture.counts(),
      urgent: this.#urgent,
    };
  }

  #namespaceOf(name: string): Tally {
    let tally = this.#namespaces.get(name);
    if (tally === undefined) this.#namespaces.set(name, (tally = new Tally()));
    return tally;
  }

  #issuerOf(issuer: IssuerName): IssuerCounter {
    const known = this.#byIssuer.get(issuer);
    if (known !== undefined) return known;
    const key = issuerKey(issuer);
    const counter = this.#issuers.get(key) ?? new IssuerCounter(issuer, key);
    this.#issuers.set(key, counter);
    this.#byIssuer.set(issuer, counter);
    return counter;
  }
}

/** Zero volumes of each status. */
export function noVolumes(): Record<VolumeStatus, number> {
  return byState(volumeStatuses.map(() => 0));
}

function byState(counts: readonly number[]): Record<VolumeStatus, number> {
  return Object.fromEntries(volumeStatuses.map((state, rank) => [state, counts[rank]])) as Record<VolumeStatus, number>;
}

class Tally implements VolumeTally {
  volumes = 0;
  /** Indexed by the rank of the status: adding to an array element is much faster than to a named field. */
  readonly #counts: number[] = volumeStatuses.map(() => 0);
  #soonestMs = Infinity;

  get byState(): Record<VolumeStatus, number> {
    return byState(this.#counts);
  }

  get soonestExpiryMs(): number | undefined {
    return this.#soonestMs === Infinity ? undefined : this.#soonestMs;
  }

  /** @param expiresMs Infinity for a missing or expired certificate */
  count(rank: number, expiresMs: number): void {
    this.volumes += 1;
    this.#counts[rank] = (this.#counts[rank] ?? 0) + 1;
    if (expiresMs < this.#soonestMs) this.#soonestMs = expiresMs;
  }

  add(other: Tally): void {
    this.volumes += other.volumes;
    for (let rank = 0; rank < volumeStatuses.length; rank += 1)
      this.#counts[rank] = (this.#counts[rank] ?? 0) + (other.#counts[rank] ?? 0);
    if (other.#soonestMs < this.#soonestMs) this.#soonestMs = other.#soonestMs;
  }
}

class IssuerCounter extends Tally implements IssuerTally {
  readonly issuer: IssuerName;
  readonly key: string;
  failingSinceMs: number | undefined;
  lastFailure: IndexedFailure | undefined;
  #soonestFailingMs = Infinity;

  constructor(issuer: IssuerName, key: string) {
    super();
    this.issuer = issuer;
    this.key = key;
  }

  get soonestFailingExpiryMs(): number | undefined {
    return this.#soonestFailingMs === Infinity ? undefined : this.#soonestFailingMs;
  }

  countVolume(rank: number, expiresMs: number, volume: IndexedVolume): void {
    this.count(rank, expiresMs);
    if (volume.failure === undefined) return;
    this.#addFailures(expiresMs, failingSinceMs(volume), volume.failure);
  }

  addIssuer(other: IssuerCounter): void {
    this.add(other);
    this.#addFailures(other.#soonestFailingMs, other.failingSinceMs, other.lastFailure);
  }

  #addFailures(expiresMs: number, sinceMs = Infinity, last: IndexedFailure | undefined): void {
    if (expiresMs < this.#soonestFailingMs) this.#soonestFailingMs = expiresMs;
    if (sinceMs < (this.failingSinceMs ?? Infinity)) this.failingSinceMs = sinceMs;
    if (last !== undefined && last.atMs > (this.lastFailure?.atMs ?? -Infinity)) this.lastFailure = last;
  }
}
