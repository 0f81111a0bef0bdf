import { volumeStates } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeWord } from '@certfleet/operator-api/vocabulary.ts';
import { expirySpanOf, expirySpans } from './expiry-spans.ts';
import { issuerKey } from './volume-state.ts';
import type { FailureState, IssuerName, VolumeState } from './volume-state.ts';

/** Volumes that have something in common, counted. */
export interface VolumeTally {
  readonly volumes: number;
  readonly byState: Readonly<Record<VolumeWord, number>>;
  /** Of those that have not expired. */
  readonly soonestExpiryMs: number | undefined;
}

/** Volumes of one issuer. */
export interface IssuerTally extends VolumeTally {
  readonly issuer: IssuerName;
  readonly key: string;
  /** The oldest of the last failures of its failing volumes. */
  readonly failingSinceMs: number | undefined;
  /** The latest failure of any of them. */
  readonly lastFailure: FailureState | undefined;
}

/** The fleet counted in one pass. */
export interface FleetCensus {
  readonly atMs: number;
  readonly all: VolumeTally;
  readonly issuers: ReadonlyMap<string, IssuerTally>;
  readonly nodes: ReadonlyMap<string, VolumeTally>;
  readonly namespaces: ReadonlyMap<string, number>;
  /** Certificates by the span of `expirySpans` in which they expire. */
  readonly expiry: readonly number[];
}

/** Counts volumes one by one. */
export class CensusTaker {
  readonly #nowMs: number;
  readonly #all = new Tally();
  /** Equal issuers are mostly the same object, so a key is seldom made. */
  readonly #byIssuer = new Map<IssuerName, IssuerCounter>();
  readonly #issuers = new Map<string, IssuerCounter>();
  readonly #nodes = new Map<string, Tally>();
  readonly #namespaces = new Map<string, number>();
  readonly #expiry = expirySpans.map(() => 0);

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** @returns the tally of a node, to be given to `count` with each of its volumes */
  node(name: string): Tally {
    const tally = new Tally();
    this.#nodes.set(name, tally);
    return tally;
  }

  count(volume: VolumeState, word: VolumeWord, node: Tally): void {
    const { certificate, namespace, failure } = volume;
    const notAfterMs = certificate?.notAfterMs;
    const expiresMs = word === 'expired' ? undefined : notAfterMs;
    this.#all.count(word, expiresMs);
    node.count(word, expiresMs);
    this.#issuerOf(volume.issuer).countVolume(word, expiresMs, failure);
    this.#namespaces.set(namespace, (this.#namespaces.get(namespace) ?? 0) + 1);
    if (certificate === undefined) return;
    const span = expirySpanOf(certificate.notAfterMs - this.#nowMs);
    this.#expiry[span] = (this.#expiry[span] ?? 0) + 1;
  }

  census(): FleetCensus {
    return {
      atMs: this.#nowMs,
      all: this.#all,
      issuers: this.#issuers,
      nodes: this.#nodes,
      namespaces: this.#namespaces,
      expiry: this.#expiry,
    };
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

/** No volume in any state. */
export function noVolumes(): Record<VolumeWord, number> {
  return Object.fromEntries(volumeStates.map((state) => [state, 0])) as Record<VolumeWord, number>;
}

class Tally implements VolumeTally {
  readonly byState = noVolumes();
  volumes = 0;
  soonestExpiryMs: number | undefined;

  count(word: VolumeWord, expiresMs: number | undefined): void {
    this.volumes += 1;
    this.byState[word] += 1;
    if (expiresMs !== undefined && (this.soonestExpiryMs === undefined || expiresMs < this.soonestExpiryMs))
      this.soonestExpiryMs = expiresMs;
  }
}

class IssuerCounter extends Tally implements IssuerTally {
  readonly issuer: IssuerName;
  readonly key: string;
  failingSinceMs: number | undefined;
  lastFailure: FailureState | undefined;

  constructor(issuer: IssuerName, key: string) {
    super();
    this.issuer = issuer;
    this.key = key;
  }

  countVolume(word: VolumeWord, expiresMs: number | undefined, failure: FailureState | undefined): void {
    this.count(word, expiresMs);
    if (failure === undefined) return;
    if (this.failingSinceMs === undefined || failure.atMs < this.failingSinceMs) this.failingSinceMs = failure.atMs;
    if (this.lastFailure === undefined || failure.atMs > this.lastFailure.atMs) this.lastFailure = failure;
  }
}
