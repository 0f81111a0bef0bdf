import { volumeStates } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { expirySpanOf, expirySpans } from './expiry-spans.ts';
import { issuerKey } from '../model/indexed-volume.ts';
import type { IndexedFailure, IssuerName, IndexedVolume } from '../model/indexed-volume.ts';
import { statusRanks } from '../model/volume-status.ts';
import { NotLoadedCounter } from './not-loaded.ts';
import type { NotLoadedVolumes } from './not-loaded.ts';

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
  /** The oldest last failure of its failing volumes. */
  readonly failingSinceMs: number | undefined;
  /** The latest failure of its volumes. */
  readonly lastFailure: IndexedFailure | undefined;
  /** Of its failing volumes that have not expired. */
  readonly soonestFailingExpiryMs: number | undefined;
}

/** The fleet, counted in one pass. */
export interface FleetStats {
  readonly atMs: number;
  readonly all: VolumeTally;
  readonly issuers: ReadonlyMap<string, IssuerTally>;
  readonly nodes: ReadonlyMap<string, VolumeTally>;
  readonly namespaces: ReadonlyMap<string, VolumeTally>;
  /** Number of certificates per span of `expirySpans`. */
  readonly expiry: readonly number[];
  readonly notLoaded: NotLoadedVolumes;
  /** Failing or overdue volumes that expire within an hour. */
  readonly urgent: number;
}

const urgentMs = 3_600_000;

export class StatsAggregator {
  readonly #nowMs: number;
  readonly #all = new Tally();
  /** Equal issuers are mostly the same object, so the key is rarely computed. */
  readonly #byIssuer = new Map<IssuerName, IssuerCounter>();
  readonly #issuers = new Map<string, IssuerCounter>();
  readonly #nodes = new Map<string, Tally>();
  readonly #namespaces = new Map<string, Tally>();
  readonly #expiry = expirySpans.map(() => 0);
  readonly #notLoaded = new NotLoadedCounter();
  #urgent = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** @returns the tally of a node, to be passed to `count` with each of its volumes */
  node(name: string): Tally {
    const tally = new Tally();
    this.#nodes.set(name, tally);
    return tally;
  }

  count(volume: IndexedVolume, status: VolumeStatus, node: Tally): void {
    const { certificate, namespace, failure } = volume;
    const rank = statusRanks[status];
    const expiresMs = certificate === undefined || status === 'expired' ? Infinity : certificate.notAfterMs;
    this.#all.count(rank, expiresMs);
    node.count(rank, expiresMs);
    this.#issuerOf(volume.issuer).countVolume(rank, expiresMs, failure);
    if ((status === 'failing' || status === 'overdue') && expiresMs - this.#nowMs <= urgentMs) this.#urgent += 1;
    this.#namespaceOf(namespace).count(rank, expiresMs);
    this.#notLoaded.count(volume);
    if (certificate === undefined) return;
    const span = expirySpanOf(certificate.notAfterMs - this.#nowMs);
    this.#expiry[span] = (this.#expiry[span] ?? 0) + 1;
  }

  stats(): FleetStats {
    return {
      atMs: this.#nowMs,
      all: this.#all,
      issuers: this.#issuers,
      nodes: this.#nodes,
      namespaces: this.#namespaces,
      expiry: this.#expiry,
      notLoaded: this.#notLoaded.volumes(),
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
  return byState(volumeStates.map(() => 0));
}

function byState(counts: readonly number[]): Record<VolumeStatus, number> {
  return Object.fromEntries(volumeStates.map((state, rank) => [state, counts[rank]])) as Record<VolumeStatus, number>;
}

class Tally implements VolumeTally {
  volumes = 0;
  /** Indexed by the rank of the status: adding to an array element is much faster than to a named field. */
  readonly #counts: number[] = volumeStates.map(() => 0);
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

  countVolume(rank: number, expiresMs: number, failure: IndexedFailure | undefined): void {
    this.count(rank, expiresMs);
    if (failure === undefined) return;
    if (expiresMs < this.#soonestFailingMs) this.#soonestFailingMs = expiresMs;
    if (this.failingSinceMs === undefined || failure.atMs < this.failingSinceMs) this.failingSinceMs = failure.atMs;
    if (this.lastFailure === undefined || failure.atMs > this.lastFailure.atMs) this.lastFailure = failure;
  }
}
