import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import type { Phase } from './rotation-object.ts';
import type { AwaitedPod, PodCertificateFacts, TrustedSigner } from './pod-certificate-facts.ts';

type PodStatus = NonNullable<CaRotationStatus['podCertificates']>;

const maxSigners = 50;
const maxText = 512;

/** What a rotation shows of its pod certificates; undefined if it concerns none. */
export function podCertificateStatus(
  before: PodStatus | undefined,
  facts: PodCertificateFacts | undefined,
  { phase, isNewDirection }: Position,
): PodStatus | undefined {
  // Each workload may be rolled once on the way to each CA.
  const rolls = isNewDirection ? {} : rollsOf(before, phase);
  if (facts === undefined) return before && { ...withoutRolls(before), ...rolls };
  const { remaining, reissued, unknown, refreshByMs, expireByMs, signers, awaited } = facts;
  const total = remaining + reissued + unknown;
  if (total === 0 && before === undefined) return undefined;
  return {
    ...{ total, reissued, remaining, unknown },
    progress: `${reissued}/${total}`,
    ...(refreshByMs !== undefined && { refreshBy: iso(refreshByMs) }),
    ...(expireByMs !== undefined && { expireBy: iso(expireByMs) }),
    signers: signers.slice(0, maxSigners).map(signerStatus),
    awaited: awaited.map(awaitedPod),
    ...rolls,
  };
}

/** Where a rotation is. */
interface Position {
  readonly phase: Phase;
  readonly isNewDirection: boolean;
}

type Rolls = Pick<PodStatus, 'rolling' | 'rolled' | 'notRolled' | 'tested'>;

/** What is durable about rollouts; those that are in progress belong to the phase Reissue. */
function rollsOf(before: PodStatus | undefined, phase: Phase): Rolls {
  const { rolling, rolled, notRolled, tested } = before ?? {};
  const isNow = phase === 'Reissue';
  return {
    ...(rolled && { rolled }),
    ...(tested && { tested }),
    ...(isNow && rolling && { rolling }),
    ...(isNow && notRolled !== undefined && { notRolled }),
  };
}

function withoutRolls(status: PodStatus): Omit<PodStatus, keyof Rolls> {
  const left = { ...status };
  for (const name of ['rolling', 'rolled', 'notRolled', 'tested'] as const) Reflect.deleteProperty(left, name);
  return left;
}

function signerStatus(signer: TrustedSigner): PodStatus['signers'][number] {
  const { name, reissued, remaining, unknown, bundleName, bundle, problem, leavingUntil } = signer;
  return {
    ...{ name, reissued, remaining, unknown, bundleName, bundle },
    ...(problem !== undefined && { problem: problem.slice(0, maxText) }),
    ...(leavingUntil !== undefined && { leavingUntil: leavingUntil.slice(0, 64) }),
  };
}

function awaitedPod({ row: { namespace, pod, node, signer }, why }: AwaitedPod): PodStatus['awaited'][number] {
  return { namespace, pod, node, signer, message: why.slice(0, maxText) };
}

/** Kubernetes shows times in seconds. */
const iso = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
