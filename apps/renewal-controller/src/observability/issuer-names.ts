import type { Clock } from '@certfleet/shared/clock.ts';
import { maxNamedIssuers } from './metric-names.ts';

/** Who reports volumes of an issuer. */
export interface IssuerReporter {
  /** One of the nodes. */
  readonly node: string;
  /** Whether more than one node does. */
  readonly isShared: boolean;
}

/** An issuer that may get series of its own. */
export interface NamedCandidate {
  readonly key: string;
  /** How much an operator wants to see it; 0 for one in order. */
  readonly trouble: number;
  readonly size: number;
}

/** What candidates are judged by. */
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

/** Names that one node alone reports, of each node; more where there are few nodes. */
const minOfNode = 5;
/** A name that one node made up and dropped counts for so long, so that it makes up few an hour. */
const keptMs = 3_600_000;
const maxKept = 1_000;

/**
 * Chooses the issuers that have series of their own. A name that was shown stays, one that several nodes report goes before
 * one that a single node does, and a node has few of its own: it can neither push out the names of others nor make the
 * series grow by ever new ones.
 */
export class IssuerNames {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #maxShown: number;
  readonly #names = new Map<string, Name>();

  /** @param maxShown for a caller that chooses among them */
  constructor(clock: Pick<Clock, 'monotonic'>, maxShown = maxNamedIssuers) {
    this.#clock = clock;
    this.#maxShown = maxShown;
  }

  /** The keys that are shown now. */
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

  /** Whether there is room, if need be that of the least wanted name. */
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
