import { X509Certificate } from 'node:crypto';
import type { CaRotationSpec, CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import { knownCa } from '../pod-certificates/issuing-cas.ts';
import type { PodCertificateRow } from '../pod-certificates/pod-certificate-row.ts';
import type { PodCertificates } from '../pod-certificates/pod-certificate-view.ts';
import { bundleName } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import { countPodCertificates, mayHaveLeaving } from './pod-certificate-facts.ts';
import type { PodCertificateFacts } from './pod-certificate-facts.ts';
import { limitOf } from './threshold.ts';
import { hasNeitherCa, judgeTrust } from './signer-trust.ts';
import type { CaCertificatePair, ReadSignerTrust } from './signer-trust.ts';
import type { RotationCas } from './rotation-certificates.ts';
import type { CaPair } from './rotation-facts.ts';

/** The pod certificates that a replica knows, and the trust of their signer names. */
export interface FollowedCertificates {
  readonly current: () => PodCertificates | undefined;
  readonly readTrust: ReadSignerTrust;
}

export interface GatherPodsOptions {
  readonly spec: CaRotationSpec['podCertificates'];
  /** What the rotation has counted before. */
  readonly status: CaRotationStatus['podCertificates'];
  /** The time of Redis, and of this replica. */
  readonly redisNowMs: number;
  readonly localNowMs: number;
}

const noRows: PodCertificates['rows'] = new Map();
const defaultDeliverySeconds = 300;

/** What is known of the pod certificates of a rotation; undefined if the cluster's are not followed, and none were. */
export async function gatherPodCertificates(
  { current, readTrust }: FollowedCertificates,
  { certificates, pair }: Pick<RotationCas, 'certificates'> & { readonly pair: CaPair },
  { spec = {}, status, redisNowMs, localNowMs }: GatherPodsOptions,
): Promise<PodCertificateFacts | undefined> {
  const followed = current();
  if (followed === undefined && (status?.total ?? 0) === 0) return undefined;
  const { rows = noRows } = followed ?? {};
  const cas = pairOf(certificates, pair);
  const known = { leaving: cas.leaving.map(knownCa), arriving: cas.arriving.map(knownCa) };
  const trusts = await readTrust(signerNames(rows.values()));
  const { signers, ...counts } = countPodCertificates(rows.values(), {
    cas: known,
    isUnconcerned: (signer) => hasNeitherCa(trusts.get(signer), cas),
    nowMs: Math.min(redisNowMs, localNowMs),
    needsWorkloads: spec.rollWorkloads === true,
  });
  const confirmed = new Set(spec.confirmedSigners ?? []);
  const concerned = signers.filter(({ remaining, reissued }) => remaining + reissued > 0);
  const { deliverySeconds = defaultDeliverySeconds } = spec;
  return {
    ...counts,
    notFollowed: notFollowed(followed),
    signers: concerned.map((signer) => ({
      ...signer,
      bundleName: bundleName(signer.name),
      ...judgeTrust(trusts.get(signer.name) ?? notRead, cas, {
        isConfirmed: confirmed.has(signer.name),
        needsLeaving: mayHaveLeaving(signer),
      }),
    })),
    unknownLimit: limitOf(spec.maxUnknown ?? 0, counts.remaining + counts.reissued + counts.unknown),
    deliveryMs: concerned.length === 0 ? 0 : deliverySeconds * 1000,
    nowMs: redisNowMs,
  };
}

function signerNames(rows: Iterable<PodCertificateRow>): readonly string[] {
  const names = new Set<string>();
  for (const { signer } of rows) names.add(signer);
  return [...names].sort();
}

const notRead = { state: 'unreadable', problem: 'it was not read' } as const;

/** The certificates of a rotation by what becomes of them. */
function pairOf(pems: readonly string[], { leaving, arriving }: CaPair): CaCertificatePair {
  const all = pems.map((pem) => new X509Certificate(pem));
  const among = (names: ReadonlySet<string>): readonly X509Certificate[] =>
    all.filter(({ fingerprint256 }) => names.has(fingerprint256.replaceAll(':', '').toLowerCase()));
  return { leaving: among(leaving), arriving: among(arriving) };
}

function notFollowed(followed: PodCertificates | undefined): string | undefined {
  if (followed === undefined)
    return 'the controller does not follow them, because controller.podCertificates.enabled is off';
  const { following, problem = 'they are not loaded yet' } = followed;
  return following === 'current' ? undefined : problem;
}
