import type { X509Certificate } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { listAll } from '@certfleet/shared/kube/list-all.ts';
import { bundleName, readBundle } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import type { StoredBundle } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import type { BundleState } from './pod-certificate-facts.ts';

/** The ClusterTrustBundle of a signer name, as it was read. */
export type SignerTrust =
  | { readonly state: 'found'; readonly bundle: StoredBundle }
  /** Without a PodCertificateSigner, it is another signer than certfleet's. */
  | { readonly state: 'none'; readonly isOfCertfleet: boolean }
  | { readonly state: 'unreadable'; readonly problem: string };

export type ReadSignerTrust = (signerNames: readonly string[]) => Promise<ReadonlyMap<string, SignerTrust>>;

const signers = { group: 'certfleet.io', version: 'v1alpha1', plural: 'podcertificatesigners' };
const timeoutMs = 10_000;
/** Several rotations, and several passes of one, need the same bundles. */
const keptMs = 5_000;
const maxSigners = 200;

interface Kept {
  readonly trust: SignerTrust;
  readonly atMs: number;
}

/** Reads the ClusterTrustBundles of signer names, at most every few seconds each. */
export class SignerTrustReader {
  readonly #client: Pick<KubeClient, 'request'>;
  readonly #clock: Clock;
  #kept = new Map<string, Kept>();

  constructor(client: Pick<KubeClient, 'request'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The trust of each signer name; a failure is part of the result. */
  readonly read: ReadSignerTrust = async (signerNames) => {
    const nowMs = this.#clock.monotonic();
    const kept = new Map([...this.#kept].filter(([, { atMs }]) => nowMs - atMs < keptMs));
    this.#kept = kept;
    const missing = signerNames.filter((name) => !kept.has(name)).slice(0, maxSigners);
    let ownNames: ReadonlySet<string> | undefined;
    for (const name of missing) {
      try {
        const { stored } = await this.#bundle(name);
        if (stored === undefined) ownNames ??= await this.#ownNames();
        const trust: SignerTrust =
          stored === undefined
            ? { state: 'none', isOfCertfleet: ownNames?.has(name) ?? false }
            : { state: 'found', bundle: stored };
        kept.set(name, { trust, atMs: nowMs });
      } catch (thrown) {
        const { message: problem, code } = asCertfleetError(thrown);
        kept.set(name, { trust: { state: 'unreadable', problem }, atMs: nowMs });
        // Each further request would wait as long.
        if (code === 'unavailable' || code === 'deadline-exceeded') break;
      }
    }
    const notRead: SignerTrust = { state: 'unreadable', problem: 'it was not read' };
    return new Map(signerNames.map((name) => [name, kept.get(name)?.trust ?? notRead]));
  };

  async #bundle(signerName: string): Promise<{ readonly stored: StoredBundle | undefined }> {
    try {
      return await readBundle(this.#client, bundleName(signerName));
    } catch (thrown) {
      // An API server without ClusterTrustBundles has none.
      if (asCertfleetError(thrown).reason === 'ApiNotServed') return { stored: undefined };
      throw thrown;
    }
  }

  /** The signer names of certfleet's signer. */
  async #ownNames(): Promise<ReadonlySet<string>> {
    const nameOf = (raw: unknown): string | undefined =>
      (raw as { readonly spec?: { readonly signerName?: string } }).spec?.signerName;
    try {
      return new Set((await listAll(this.#client, { resource: signers, timeoutMs }, nameOf)).objects);
    } catch (thrown) {
      // The definition is installed with the signer.
      if (asCertfleetError(thrown).code === 'not-found') return new Set();
      throw thrown;
    }
  }
}

export interface Judged {
  readonly bundle: BundleState;
  readonly problem?: string;
  readonly leavingUntil?: string;
}

/** The CAs of a rotation as certificates. */
export interface CaCertificatePair {
  readonly leaving: readonly X509Certificate[];
  readonly arriving: readonly X509Certificate[];
}

/**
 * Whether peers that trust the bundle of a signer name trust its certificates, also those that it signs next.
 * @param needsLeaving whether one may have the leaving CA
 */
export function judgeTrust(
  trust: SignerTrust,
  { leaving, arriving }: CaCertificatePair,
  { isConfirmed, needsLeaving }: { readonly isConfirmed: boolean; readonly needsLeaving: boolean },
): Judged {
  if (trust.state === 'unreadable') return { bundle: 'Unreadable', problem: trust.problem };
  if (trust.state === 'none') {
    if (isConfirmed) return { bundle: 'Confirmed' };
    return { bundle: trust.isOfCertfleet ? 'Missing' : 'NotVerifiable' };
  }
  const { anchors, neededUntil } = trust.bundle;
  const lacking = [
    ...(!needsLeaving || leaving.every((ca) => isTrusted(ca, anchors)) ? [] : ['the CA to be replaced']),
    ...(arriving.every((ca) => isTrusted(ca, anchors)) ? [] : ['the new CA']),
  ];
  const until = leaving.flatMap(({ fingerprint256: each }) =>
    anchors.some(({ fingerprint256 }) => fingerprint256 === each) && Object.hasOwn(neededUntil, each)
      ? [neededUntil[each] ?? '']
      : [],
  );
  const [leavingUntil] = until.sort().reverse();
  return {
    ...(lacking.length === 0
      ? { bundle: 'Verified' }
      : { bundle: 'Incomplete', problem: `lacks ${lacking.join(' and ')}` }),
    ...(leavingUntil !== undefined && leavingUntil !== '' && { leavingUntil }),
  };
}

/** Whether a bundle has none of the CAs: it keeps each until no certificate of it can be valid. */
export function hasNeitherCa(trust: SignerTrust | undefined, { leaving, arriving }: CaCertificatePair): boolean {
  if (trust?.state !== 'found') return false;
  const { anchors } = trust.bundle;
  return anchors.length > 0 && ![...leaving, ...arriving].some((ca) => isTrusted(ca, anchors));
}

/** A root must be there itself; the certificate of an intermediate CA may be below a root that is. */
function isTrusted(ca: X509Certificate, anchors: readonly X509Certificate[]): boolean {
  if (anchors.some(({ fingerprint256 }) => fingerprint256 === ca.fingerprint256)) return true;
  if (ca.checkIssued(ca)) return false;
  return anchors.some((anchor) => ca.checkIssued(anchor) && ca.verify(anchor.publicKey));
}
