import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { issuerKey, trustedCaFingerprints } from '../fleet-index/model/indexed-volume.ts';
import { volumeKey } from '../fleet-index/model/volume-key.ts';
import { TopN } from '../fleet-index/query/top-n.ts';
import type { PodCertificateFacts } from './pod-certificate-facts.ts';

/** The CA that leaves and the one that stays, as fingerprints; a rollback exchanges them. */
export interface CaPair {
  readonly leaving: ReadonlySet<string>;
  readonly arriving: ReadonlySet<string>;
}

/** Some volumes: their number and the first of them. */
export interface VolumeGroup {
  readonly count: number;
  readonly first: readonly IndexedVolume[];
}

/** The volumes of one issuer that still have a certificate of the leaving CA. */
export interface IssuerGroup {
  readonly count: number;
  /** Those that no Renewal of the rotation will replace. */
  readonly uncovered: number;
  /** The one that expires first. */
  readonly mostUrgent: IndexedVolume;
}

export interface FactsOptions {
  /** Whether a probed pod must be seen to serve its certificate, also if the probe finds none. */
  readonly requiresServed: boolean;
  /** Whether a Renewal of the rotation will replace this generation of the volume. */
  readonly isCovered: (volume: IndexedVolume) => boolean;
}

/** What the nodes report about the volumes that a rotation concerns: those with a certificate of one of its CAs. */
export interface RotationFacts {
  /** False while nodes may still report after a loss of Redis: nothing is known then. */
  readonly isSettled: boolean;
  /** Nodes that are silent or whose volumes are not completely reported. */
  readonly unverifiedNodes: readonly string[];
  /** The nodes of the concerned volumes. */
  readonly nodes: ReadonlySet<string>;
  readonly total: number;
  /** Lack the roots of one of the CAs. */
  readonly untrusting: VolumeGroup;
  /** Lack every root of the arriving CA. */
  readonly withoutArriving: number;
  /** Have the leaving CA by issuance, and are selected. */
  readonly toReissue: VolumeGroup;
  /** Have the leaving CA by issuance, and are not selected. */
  readonly unselected: VolumeGroup;
  readonly byIssuer: ReadonlyMap<string, IssuerGroup>;
  /** The number of volumes to reissue by fingerprint of the leaving CA. */
  readonly byFingerprint: ReadonlyMap<string, number>;
  /** Of those to reissue, the ones whose last attempt failed. */
  readonly failing: VolumeGroup;
  /** Of those with the arriving CA: probed, and the pod serves an earlier certificate. */
  readonly notLoaded: VolumeGroup;
  /** Of those with the arriving CA: probed, and not seen to serve it yet. */
  readonly awaitingProbe: VolumeGroup;
  /** Of those with the arriving CA: probed and seen to serve it. */
  readonly served: number;
  /** Still have a root of the leaving CA in their file. */
  readonly stillTrusting: VolumeGroup;
  /** Undefined if the cluster's pod certificates are not followed. */
  readonly podCertificates?: PodCertificateFacts;
}

const maxNamed = 20;

class Group {
  readonly #first = new TopN<IndexedVolume>(maxNamed, (a, b) => (volumeKey(a) < volumeKey(b) ? -1 : 1));
  #count = 0;

  add(volume: IndexedVolume): void {
    this.#count += 1;
    this.#first.offer(volume);
  }

  get group(): VolumeGroup {
    return { count: this.#count, first: this.#first.sorted() };
  }
}

/** Counts the volumes of the fleet for one rotation, in one pass. */
export class FactsCollector {
  readonly #cas: CaPair;
  readonly #all: readonly string[];
  readonly #options: FactsOptions;
  readonly #nodes = new Set<string>();
  readonly #groups = {
    untrusting: new Group(),
    toReissue: new Group(),
    unselected: new Group(),
    failing: new Group(),
    notLoaded: new Group(),
    awaitingProbe: new Group(),
    stillTrusting: new Group(),
  };
  readonly #byIssuer = new Map<string, { count: number; uncovered: number; mostUrgent: IndexedVolume }>();
  readonly #byFingerprint = new Map<string, number>();
  #total = 0;
  #withoutArriving = 0;
  #served = 0;

  constructor(cas: CaPair, options: FactsOptions) {
    this.#cas = cas;
    this.#all = [...cas.leaving, ...cas.arriving];
    this.#options = options;
  }

  add(volume: IndexedVolume, isSelected: boolean): void {
    const { leaving, arriving } = this.#cas;
    const issuedBy = volume.certificate?.caFingerprints ?? [];
    const old = issuedBy.find((each) => leaving.has(each));
    if (old === undefined && !issuedBy.some((each) => arriving.has(each))) return;
    this.#total += 1;
    this.#nodes.add(volume.node);
    const trusted = trustedCaFingerprints(volume);
    if (!this.#all.every((each) => trusted.includes(each))) this.#groups.untrusting.add(volume);
    if (!trusted.some((each) => arriving.has(each))) this.#withoutArriving += 1;
    if (trusted.some((each) => leaving.has(each))) this.#groups.stillTrusting.add(volume);
    if (old === undefined) this.#addReissued(volume);
    else if (isSelected) this.#addToReissue(volume, old);
    else this.#groups.unselected.add(volume);
  }

  facts(reports: Pick<RotationFacts, 'isSettled'> & { readonly unverifiedNodes: readonly string[] }): RotationFacts {
    const { untrusting, toReissue, unselected, failing, notLoaded, awaitingProbe, stillTrusting } = this.#groups;
    return {
      ...reports,
      nodes: this.#nodes,
      total: this.#total,
      untrusting: untrusting.group,
      withoutArriving: this.#withoutArriving,
      toReissue: toReissue.group,
      unselected: unselected.group,
      byIssuer: this.#byIssuer,
      byFingerprint: this.#byFingerprint,
      failing: failing.group,
      notLoaded: notLoaded.group,
      awaitingProbe: awaitingProbe.group,
      served: this.#served,
      stillTrusting: stillTrusting.group,
    };
  }

  #addToReissue(volume: IndexedVolume, fingerprint: string): void {
    this.#groups.toReissue.add(volume);
    if (volume.failure !== undefined) this.#groups.failing.add(volume);
    this.#byFingerprint.set(fingerprint, (this.#byFingerprint.get(fingerprint) ?? 0) + 1);
    const key = issuerKey(volume.issuer);
    const known = this.#byIssuer.get(key);
    const uncovered = this.#options.isCovered(volume) ? 0 : 1;
    if (known === undefined) this.#byIssuer.set(key, { count: 1, uncovered, mostUrgent: volume });
    else {
      known.count += 1;
      known.uncovered += uncovered;
      if (isMoreUrgent(volume, known.mostUrgent)) known.mostUrgent = volume;
    }
  }

  #addReissued(volume: IndexedVolume): void {
    const { served } = volume;
    if (served === undefined) return;
    if (served === 'served') this.#served += 1;
    else if (served === 'not-loaded') this.#groups.notLoaded.add(volume);
    else if (served === 'renewed' || this.#options.requiresServed) this.#groups.awaitingProbe.add(volume);
  }
}

/** A failing volume says little about its issuer, so it is the last choice. */
function isMoreUrgent(one: IndexedVolume, other: IndexedVolume): boolean {
  const [a, b] = [one, other].map((volume) => ({
    failed: volume.failure === undefined ? 0 : 1,
    notAfterMs: volume.certificate?.notAfterMs ?? Infinity,
    key: volumeKey(volume),
  })) as [Urgency, Urgency];
  if (a.failed !== b.failed) return a.failed < b.failed;
  return a.notAfterMs === b.notAfterMs ? a.key < b.key : a.notAfterMs < b.notAfterMs;
}

interface Urgency {
  readonly failed: number;
  readonly notAfterMs: number;
  readonly key: string;
}
