import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';

/** An issuer that signs with another CA than before. */
export interface CaChange {
  readonly issuer: string;
  /** Fingerprints of the CA files that the issuer returned before. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** The first certificate of the new CA, by the issuer's clock. */
  readonly sinceMs: number;
  /** Whether more than one node reports the new CA. */
  readonly isConfirmed: boolean;
}

/** The certificates of an issuer with the same CA file. */
interface Signer {
  readonly cas: readonly string[];
  /** The first two. */
  readonly nodes: Set<string>;
  firstMs: number;
  lastMs: number;
}

interface Issuer {
  readonly nodes: Set<string>;
  readonly signers: Map<string, Signer>;
}

/** A rotation takes this many certificates of a CA. */
const maxCertificates = 4;
/** Of an issuer with more CAs than this, nothing is concluded. */
const maxSigners = 16;

/**
 * Finds the issuers that sign with another CA than before, in one pass over the reports. The order is that of the
 * certificates' not-before, which is one clock, the issuer's. An issuer whose CAs take turns has changed nothing: the first
 * certificate of the new CA must not be older than the last of the other. One node alone proves nothing about an issuer or
 * a CA that others use too, because it may be compromised.
 */
export class CaChangeCollector {
  readonly #issuers = new Map<string, Issuer>();
  /** The first two nodes of each CA. */
  readonly #nodes = new Map<string, Set<string>>();

  add({ node, issuer, certificate }: IndexedVolume): void {
    const cas = certificate?.caFingerprints ?? [];
    if (certificate === undefined || cas.length === 0) return;
    const key = issuerKey(issuer);
    const known: Issuer = this.#issuers.get(key) ?? { nodes: new Set(), signers: new Map() };
    this.#issuers.set(key, known);
    addNode(known.nodes, node);
    for (const each of cas) {
      const nodes = this.#nodes.get(each) ?? new Set();
      this.#nodes.set(each, nodes);
      addNode(nodes, node);
    }
    const ofCas = cas.length === 1 ? (cas[0] ?? '') : [...cas].sort().join();
    const signer = known.signers.get(ofCas);
    const at = certificate.notBeforeMs;
    if (signer !== undefined) {
      addNode(signer.nodes, node);
      signer.firstMs = Math.min(signer.firstMs, at);
      signer.lastMs = Math.max(signer.lastMs, at);
    } else if (known.signers.size <= maxSigners)
      known.signers.set(ofCas, { cas, nodes: new Set([node]), firstMs: at, lastMs: at });
  }

  changes(): readonly CaChange[] {
    return [...this.#issuers]
      .flatMap(([issuer, known]) => changeOf(issuer, known))
      .filter(({ from, isConfirmed }) => isConfirmed || !from.some((each) => (this.#nodes.get(each)?.size ?? 0) > 1));
  }
}

/** Two are enough to know that there are several. */
function addNode(nodes: Set<string>, node: string): void {
  if (nodes.size < 2) nodes.add(node);
}

function changeOf(issuer: string, { nodes, signers }: Issuer): readonly CaChange[] {
  if (signers.size < 2 || signers.size > maxSigners) return [];
  const seen = [...signers.values()].filter((each) => each.nodes.size === nodes.size);
  const [latest, before] = seen.toSorted((a, b) => b.lastMs - a.lastMs);
  if (latest === undefined || before === undefined || before.lastMs > latest.firstMs) return [];
  const isKnown = (cas: readonly string[]): boolean => cas.length <= maxCertificates;
  const isReplaced = !before.cas.some((each) => latest.cas.includes(each));
  if (!isReplaced || !isKnown(before.cas) || !isKnown(latest.cas)) return [];
  const isConfirmed = latest.nodes.size > 1;
  return [{ issuer, from: before.cas, to: latest.cas, sinceMs: latest.firstMs, isConfirmed }];
}
