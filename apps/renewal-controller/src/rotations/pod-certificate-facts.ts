import type { bundleStates } from '@certfleet/operator-api/vocabulary.ts';
import { TopN } from '../fleet-index/query/top-n.ts';
import { issuedBy } from '../pod-certificates/issuing-cas.ts';
import type { IssuedBy, KnownCa } from '../pod-certificates/issuing-cas.ts';
import type { CertificateTimes } from '../pod-certificates/observed-request.ts';
import { mayHaveRequested, refreshJitterMs, stateOf } from '../pod-certificates/pod-certificate-row.ts';
import type { PodCertificateRow } from '../pod-certificates/pod-certificate-row.ts';

/**
 * Whether peers that trust the bundle of a signer name trust both CAs. Verified: its ClusterTrustBundle contains the roots of
 * both. Incomplete: it lacks one. Missing: a PodCertificateSigner has the signer name, and there is no bundle. NotVerifiable:
 * another signer, of which certfleet maintains no bundle. Confirmed: one of the last two, and the operator confirms the trust.
 */
export type BundleState = (typeof bundleStates)[number];

/** The certificates of one signer name. */
export interface SignerFacts {
  readonly name: string;
  /** Have the leaving CA. */
  readonly remaining: number;
  /** Have the arriving CA. */
  readonly reissued: number;
  readonly unknown: number;
  /** Not-before of the latest certificate of each CA, by the clock of the signer. */
  readonly lastLeavingMs: number | undefined;
  readonly lastArrivingMs: number | undefined;
}

/** Whether a certificate of a signer name has the leaving CA, or may have it. */
export function mayHaveLeaving({ remaining, unknown }: Pick<SignerFacts, 'remaining' | 'unknown'>): boolean {
  return remaining + unknown > 0;
}

/** A signer name with certificates of either CA, and its trust. */
export interface TrustedSigner extends SignerFacts {
  readonly bundleName: string;
  readonly bundle: BundleState;
  /** What is missing, or why the bundle cannot be read. */
  readonly problem?: string;
  /** Until when the bundle contains the leaving root by the rule of the signer; undefined once it has left. */
  readonly leavingUntil?: string;
}

/** A pod that the rotation waits for. */
export interface AwaitedPod {
  readonly row: PodCertificateRow;
  readonly why: string;
}

/** What is known of the pod certificates that a rotation concerns: those of one of its CAs, or of a CA that is not known. */
export interface PodCertificateCounts {
  readonly remaining: number;
  readonly reissued: number;
  /** Until the next refresh. */
  readonly unknown: number;
  /** Of those that remain: the kubelet will not request another one, because the last request was refused. */
  readonly refused: number;
  /** Until when those that remain are refreshed at the latest, and until when they are valid. */
  readonly refreshByMs: number | undefined;
  readonly expireByMs: number | undefined;
  /** The first of those that remain, then those that are unknown. */
  readonly awaited: readonly AwaitedPod[];
  readonly signers: readonly SignerFacts[];
  /** The rows that remain, by workload as the row names it, the most urgent first. */
  readonly byWorkload: ReadonlyMap<string, readonly PodCertificateRow[]>;
}

export interface PodCertificateFacts extends Omit<PodCertificateCounts, 'signers'> {
  /** Why rows may be outdated or missing; undefined if they are not. */
  readonly notFollowed: string | undefined;
  /** The signer names with certificates of either CA. */
  readonly signers: readonly TrustedSigner[];
  /** How many may be unknown before the old root leaves. */
  readonly unknownLimit: number;
  /** The time in which kubelets write files into pods; 0 if no pod certificate is concerned. */
  readonly deliveryMs: number;
  /** The time of Redis. */
  readonly nowMs: number;
}

interface RotatedCas {
  readonly leaving: readonly KnownCa[];
  readonly arriving: readonly KnownCa[];
}

export interface CountOptions {
  readonly cas: RotatedCas;
  /** Whether a signer name is known to have no certificate of these CAs: an unknown row is none of this rotation then. */
  readonly isUnconcerned: (signer: string) => boolean;
  /** The earlier of the clocks that are known: one clock that is wrong must not end a certificate. */
  readonly nowMs: number;
  /** Whether rows are collected by workload: only rollouts need that. */
  readonly needsWorkloads: boolean;
}

const maxNamed = 20;
/** For the differences between clocks. */
const expiryMarginMs = 300_000;

interface SignerTally {
  readonly name: string;
  remaining: number;
  reissued: number;
  unknown: number;
  lastLeavingMs: number | undefined;
  lastArrivingMs: number | undefined;
}

/** Counts rows for one rotation. Each distinct text of CAs is compared once. */
export function countPodCertificates(rows: Iterable<PodCertificateRow>, options: CountOptions): PodCertificateCounts {
  const counter = new Counter(options);
  for (const row of rows) counter.add(row);
  return counter.counts;
}

class Counter {
  readonly #options: CountOptions;
  readonly #known = new Map<string | undefined, IssuedBy>();
  readonly #signers = new Map<string, SignerTally>();
  readonly #byWorkload = new Map<string, PodCertificateRow[]>();
  readonly #remainingFirst = new TopN<AwaitedPod>(maxNamed, (a, b) => expiryOf(a.row) - expiryOf(b.row) || order(a, b));
  readonly #unknownFirst = new TopN<AwaitedPod>(maxNamed, order);
  #refused = 0;
  #refreshByMs: number | undefined;
  #expireByMs: number | undefined;

  constructor(options: CountOptions) {
    this.#options = options;
  }

  add(row: PodCertificateRow): void {
    const certificate = this.#relevant(row);
    const by = certificate === undefined ? withoutCertificate(row) : this.#issuedBy(certificate);
    if (by === 'other' || (by === 'unknown' && this.#options.isUnconcerned(row.signer))) return;
    const signer = this.#signerOf(row.signer);
    if (by === 'unknown') {
      signer.unknown += 1;
      this.#unknownFirst.offer({ row, why: 'its CA is not known until the next refresh' });
    } else this.#addKnown(row, certificate, { signer, by });
  }

  get counts(): PodCertificateCounts {
    const signers = [...this.#signers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const sum = (name: 'remaining' | 'reissued' | 'unknown'): number =>
      signers.reduce((total, signer) => total + signer[name], 0);
    return {
      remaining: sum('remaining'),
      reissued: sum('reissued'),
      unknown: sum('unknown'),
      refused: this.#refused,
      refreshByMs: this.#refreshByMs,
      expireByMs: this.#expireByMs,
      awaited: [...this.#remainingFirst.sorted(), ...this.#unknownFirst.sorted()].slice(0, maxNamed),
      signers,
      byWorkload: new Map(
        [...this.#byWorkload]
          .map(([workload, rows]) => [workload, rows.sort((a, b) => expiryOf(a) - expiryOf(b))] as const)
          .sort(([, [a]], [, [b]]) => (a && b ? expiryOf(a) - expiryOf(b) : 0)),
      ),
    };
  }

  /** The certificate that counts: one of the leaving CA that a pod may still use, else the latest one. */
  #relevant({ certificate, earlier }: PodCertificateRow): CertificateTimes | undefined {
    const valid = [earlier, certificate].filter((each) => each !== undefined && !this.#isExpired(each));
    return valid.find((each) => each !== undefined && this.#issuedBy(each) === 'leaving') ?? valid.at(-1);
  }

  /** An expired certificate is accepted by nobody, whoever has issued it. */
  #isExpired({ notAfterMs }: CertificateTimes): boolean {
    return notAfterMs + expiryMarginMs < this.#options.nowMs;
  }

  #issuedBy({ cas }: CertificateTimes): IssuedBy {
    const known = this.#known.get(cas);
    if (known !== undefined) return known;
    const by = issuedBy(cas, this.#options.cas);
    this.#known.set(cas, by);
    return by;
  }

  #addKnown(
    row: PodCertificateRow,
    certificate: CertificateTimes | undefined,
    { signer, by }: { readonly signer: SignerTally; readonly by: 'leaving' | 'arriving' },
  ): void {
    const issuedMs = certificate?.notBeforeMs;
    if (by === 'arriving') {
      signer.reissued += 1;
      signer.lastArrivingMs = latest(signer.lastArrivingMs, issuedMs);
      return;
    }
    signer.remaining += 1;
    signer.lastLeavingMs = latest(signer.lastLeavingMs, issuedMs);
    if (certificate !== undefined) {
      this.#refreshByMs = latest(this.#refreshByMs, certificate.beginRefreshAtMs + refreshJitterMs);
      this.#expireByMs = latest(this.#expireByMs, certificate.notAfterMs);
    }
    const state = stateOf(row, this.#options.nowMs);
    if (state === 'denied' || state === 'failed') this.#refused += 1;
    this.#remainingFirst.offer({ row, why: whyOf(row, state) });
    if (this.#options.needsWorkloads) this.#addToWorkload(row);
  }

  #addToWorkload(row: PodCertificateRow): void {
    const key = `${row.namespace}/${row.workload}`;
    const others = this.#byWorkload.get(key);
    if (others === undefined) this.#byWorkload.set(key, [row]);
    else others.push(row);
  }

  #signerOf(name: string): SignerTally {
    const known = this.#signers.get(name);
    if (known !== undefined) return known;
    const none = { remaining: 0, reissued: 0, unknown: 0, lastLeavingMs: undefined, lastArrivingMs: undefined };
    const signer = { name, ...none };
    this.#signers.set(name, signer);
    return signer;
  }
}

/** A request that nobody saw may have been answered. */
function withoutCertificate(row: PodCertificateRow): IssuedBy {
  if (row.certificate !== undefined) return 'other';
  return mayHaveRequested(row) ? 'unknown' : 'other';
}

function whyOf({ request, workload }: PodCertificateRow, state: string): string {
  if (state === 'denied' || state === 'failed') return `its last request was ${state}: ${request?.reason ?? ''}`;
  if (state === 'overdue') return 'its refresh is overdue';
  return workload.startsWith('Pod/')
    ? 'it waits for its refresh, because it belongs to no workload'
    : 'it waits for its refresh';
}

const expiryOf = ({ certificate }: PodCertificateRow): number => certificate?.notAfterMs ?? Infinity;

function order({ row: a }: AwaitedPod, { row: b }: AwaitedPod): number {
  return a.id < b.id ? -1 : 1;
}

function latest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}
