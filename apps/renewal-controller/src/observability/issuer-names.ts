import type { Clock } from '@certfleet/shared/clock.ts';
import { maxNamedIssuers } from './metric-names.ts';

/** The nodes that report volumes of an issuer. */
export interface IssuerReporter {
  readonly node: string;
  /** Whether several nodes report the issuer. */
  readonly isShared: boolean;
}

/** An issuer that may get its own series. */
export interface NamedCandidate {
  readonly key: string;
  /** 0 for an issuer without problems; a higher value has precedence. */
  readonly trouble: number;
  readonly size: number;
}

export interface Reporters {
  readonly byIssuer: ReadonlyMap<string, IssuerReporter>;
  readonly nodes: number;
}

interface Name {
  node: string;
  isShared: boolean;
  trouble: number;
  lastSeenMs: number;
  isShown: boolean;
}

/** Maximum names per node that only this node reports; higher in small fleets. */
const minOfNode = 5;
/** How long a dropped name still counts against its node, which bounds the number of new names per hour. */
const keptMs = 3_600_000;
const maxKept = 1_000;

/**
 * Chooses the issuers with their own series. A named issuer keeps its series, an issuer that several nodes report
 * precedes one of a single node, and each node has a bounded share. So no node can displace the names of others or
 * create an unbounded number of series.
 */
export class IssuerNames {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #maxShown: number;
  readonly #names = new Map<string, Name>();

  /** @param maxShown Infinity for a caller that chooses from the result */
  constructor(clock: Pick<Clock, 'monotonic'>, maxShown = maxNamedIssuers) {
    this.#clock = clock;
    this.#maxShown = maxShown;
  }

  /** The keys that have their own series now. */
  choose(candidates: readonly NamedCandidate[], { byIssuer, nodes }: Reporters): ReadonlySet<string> {
    const nowMs = this.#clock.monotonic();
    this.#refresh(candidates, byIssuer, nowMs);
    const perNode = Math.max(minOfNode, Math.floor(maxNamedIssuers / Math.max(1, nodes)));
    const reporterOf = (key: string): IssuerReporter => byIssuer.get(key) ?? { node: '', isShared: false };
    const sorted = candidates
      .map((candidate) => ({ ...candidate, ...reporterOf(candidate.key) }))
      .sort((a, b) => score(b) - score(a) || b.size - a.size);
    for (const candidate of sorted) {
      if (this.#names.get(candidate.key)?.isShown === true) continue;
      if (!this.#hasShare(candidate, perNode) || !this.#makeRoom(candidate)) continue;
      const { node, isShared, trouble } = candidate;
      this.#names.set(candidate.key, { node, isShared, trouble, lastSeenMs: nowMs, isShown: true });
    }
    return new Set(this.#shown().map(([key]) => key));
  }

  #refresh(candidates: readonly NamedCandidate[], reporters: Reporters['byIssuer'], nowMs: number): void {
    const present = new Map(candidates.map((candidate) => [candidate.key, candidate]));
    for (const [key, name] of this.#names) {
      const candidate = present.get(key);
      if (candidate === undefined) {
        name.isShown = false;
        if (nowMs - name.lastSeenMs >= keptMs) this.#names.delete(key);
        continue;
      }
      name.lastSeenMs = nowMs;
      name.trouble = candidate.trouble;
      name.isShared = reporters.get(key)?.isShared ?? name.isShared;
    }
  }

  #shown(): readonly (readonly [string, Name])[] {
    return [...this.#names].filter(([, { isShown }]) => isShown);
  }

  #hasShare({ key, node, isShared }: IssuerReporter & NamedCandidate, perNode: number): boolean {
    if (isShared || this.#names.has(key)) return true;
    if (this.#names.size >= maxKept) return false;
    let own = 0;
    for (const name of this.#names.values()) if (!name.isShared && name.node === node) own += 1;
    return own < perNode;
  }

  /** Whether a name can be added, if necessary by dropping the one with the lowest precedence. */
  #makeRoom(candidate: IssuerReporter & NamedCandidate): boolean {
    if (this.#maxShown === Infinity) return true;
    let shown = 0;
    let least: Name | undefined;
    for (const name of this.#names.values()) {
      if (!name.isShown) continue;
      shown += 1;
      if (least === undefined || score(name) < score(least)) least = name;
    }
    if (shown < this.#maxShown) return true;
    if (least === undefined || score(least) >= score(candidate)) return false;
    least.isShown = false;
    return true;
  }
}

const score = ({ trouble, isShared }: { readonly trouble: number; readonly isShared: boolean }): number =>
  trouble * 2 + (isShared ? 1 : 0);
