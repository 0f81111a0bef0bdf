import { mayHaveLeaving } from './pod-certificate-facts.ts';
import type { AwaitedPod, BundleState, PodCertificateFacts, TrustedSigner } from './pod-certificate-facts.ts';
import type { Wait } from './wait.ts';

/** What stops a phase until every signer name's bundle contains both roots; undefined if it is safe to sign with the new CA. */
export function bundlesWait(facts: PodCertificateFacts | undefined): Wait | undefined {
  for (const state of unsafeStates) {
    const signers = facts?.signers.filter((each) => each.bundle === state && mayHaveLeaving(each)) ?? [];
    if (signers.length > 0) return bundleWait(state, signers);
  }
  return undefined;
}

const unsafeStates = ['Missing', 'Incomplete', 'Unreadable', 'NotVerifiable'] as const satisfies readonly BundleState[];

const reasons: Readonly<
  Record<(typeof unsafeStates)[number], Pick<Wait, 'reason' | 'kind'> & { readonly what: string }>
> = {
  Missing: {
    reason: 'TrustBundleMissing',
    kind: 'problem',
    what: 'does not exist; let the signer maintain it, or confirm the trust of its signer name in spec.podCertificates.confirmedSigners',
  },
  Incomplete: { reason: 'TrustBundleIncomplete', kind: 'problem', what: 'does not contain the roots of both CAs' },
  Unreadable: { reason: 'TrustBundleNotRead', kind: 'reports', what: 'cannot be read' },
  NotVerifiable: {
    reason: 'TrustNotVerifiable',
    kind: 'operator',
    what: 'is not maintained by certfleet; confirm in spec.podCertificates.confirmedSigners that peers trust both CAs',
  },
};

function bundleWait(state: (typeof unsafeStates)[number], signers: readonly TrustedSigner[]): Wait {
  const { reason, kind, what } = reasons[state];
  const [first] = signers;
  const more = signers.length > 1 ? ` (and ${signers.length - 1} more)` : '';
  const problem = first?.problem === undefined ? '' : `: it ${first.problem}`;
  const message = `the ClusterTrustBundle ${first?.bundleName ?? ''} of the signer ${first?.name ?? ''}${more} ${what}`;
  const detail = state === 'Unreadable' ? `: ${first?.problem ?? ''}` : problem;
  return { reason, kind, message: `${message}${detail}`, names: signers.map(({ name }) => name), mustHold: true };
}

/** What stops a phase while the index of pod certificates may lack some. */
export function followedWait(facts: PodCertificateFacts | undefined): Wait | undefined {
  if (facts?.notFollowed === undefined) return undefined;
  const message = `the pod certificates of the cluster are not known completely: ${facts.notFollowed}`;
  return { reason: 'PodCertificatesNotFollowed', kind: 'reports', message };
}

/** What stops a phase until every pod certificate has the new CA. They are refreshed by their kubelets. */
export function remainingWait(
  facts: PodCertificateFacts | undefined,
  phaseStartMs: number | undefined,
): Wait | undefined {
  if (facts === undefined || facts.remaining === 0) return undefined;
  const { remaining, refused, refreshByMs = 0, nowMs, awaited } = facts;
  const common = { pods: remaining, names: awaited.map(nameOf) };
  const text = `${certificates(remaining)} the CA to be replaced`;
  const notSwitched = signersNotSwitched(facts, phaseStartMs);
  if (refused > 0)
    return {
      ...{ reason: 'PodCertificatesRefused', kind: 'problem', ...common },
      message: `${text}; ${refused} of them will not be refreshed, because the signer has refused them: replace these pods`,
    };
  if (notSwitched.length > 0)
    return {
      ...{ reason: 'SignerNotSwitched', kind: 'problem', pods: remaining, names: notSwitched },
      message: `${text}; the latest certificates of ${notSwitched.slice(0, 3).join(', ')} have it too: switch the signer`,
    };
  if (nowMs > refreshByMs + overdueMs)
    return {
      ...{ reason: 'PodCertificatesOverdue', kind: 'problem', ...common },
      message: `${text}, and their refresh is overdue`,
    };
  return {
    ...{ reason: 'PodCertificatesNotRefreshed', kind: 'progress', ...common },
    message: `${text}; kubelets refresh them until ${iso(refreshByMs)} at the latest`,
  };
}

/** What stops a phase while it is not known which CA too many pod certificates have. */
export function unknownWait(facts: PodCertificateFacts | undefined): Wait | undefined {
  if (facts === undefined || facts.unknown <= facts.unknownLimit) return undefined;
  const { unknown, unknownLimit, awaited } = facts;
  return {
    ...{ reason: 'PodCertificatesUnknown', kind: 'progress', pods: unknown, names: awaited.map(nameOf) },
    message: `the CA of ${unknown} pod certificates is not known until their next refresh, more than maxUnknown (${unknownLimit})`,
  };
}

/** While kubelets write files that have changed into the pods. */
export function deliveryWait(phase: string): Wait {
  const message = `kubelets write what has changed into the pods; then the phase ${phase} begins`;
  return { reason: 'AwaitingDelivery', kind: 'progress', message };
}

/** Signers whose latest certificate has the leaving CA, though it was issued in the phase Reissue. */
function signersNotSwitched({ signers }: PodCertificateFacts, phaseStartMs: number | undefined): readonly string[] {
  const isBehind = ({ remaining, lastLeavingMs = 0, lastArrivingMs = 0 }: TrustedSigner): boolean =>
    remaining > 0 && lastLeavingMs > lastArrivingMs && lastLeavingMs > (phaseStartMs ?? Infinity) + clockMarginMs;
  return signers.filter(isBehind).map(({ name }) => name);
}

/** Kubelets look every one to two minutes; the rest is a margin. */
const overdueMs = 180_000;
/** Between the clocks of the signer and of Redis; only what is shown depends on it. */
const clockMarginMs = 60_000;

const nameOf = ({ row: { namespace, pod, signer }, why }: AwaitedPod): string =>
  `${namespace}/${pod} (${signer}): ${why}`;

const certificates = (count: number): string =>
  count === 1 ? '1 pod certificate has' : `${count} pod certificates have`;

const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
