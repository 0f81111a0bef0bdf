import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CaPair, RotationFacts } from './rotation-facts.ts';
import type { Trust } from './rotation-object.ts';

/**
 * Why agents must not be given this trust now; undefined if it is safe. After a change, every pod trusts the CA of every
 * certificate that is in use. Adding roots is always safe. Removing them is safe only if every node reports, no volume
 * has a certificate of the CA whose roots leave, and every volume trusts the other one.
 * @param trust undefined: the roots that were added leave, because the rotation ends or is deleted
 */
export function trustProblem(trust: Trust | undefined, cas: CaPair, facts: RotationFacts): string | undefined {
  if (trust === undefined) return withdrawalProblem(facts);
  const all = [...cas.leaving, ...cas.arriving];
  if (!all.every((each) => trust.fingerprints.includes(each))) return 'it must contain the roots of both CAs';
  if (trust.state === 'Add') return trust.remove.length === 0 ? undefined : 'roots cannot be added and removed at once';
  if (trust.remove.some((each) => !cas.leaving.has(each))) return 'only roots of the replaced CA may leave';
  const inUse = facts.toReissue.count + facts.unselected.count;
  return (
    reportsProblem(facts) ??
    (inUse > 0 ? `${inUse} volumes have a certificate of the replaced CA` : undefined) ??
    podsProblem(facts) ??
    (facts.withoutArriving > 0 ? `${facts.withoutArriving} volumes do not trust the other CA` : undefined)
  );
}

/** Pods that have a certificate of the replaced CA, or may have one. */
function podsProblem({ podCertificates }: RotationFacts): string | undefined {
  if (podCertificates === undefined) return undefined;
  const { notFollowed, remaining, unknown, unknownLimit } = podCertificates;
  if (notFollowed !== undefined) return `the pod certificates are not known: ${notFollowed}`;
  if (remaining > 0) return `${remaining} pods have a certificate of the replaced CA`;
  return unknown > unknownLimit ? `the CA of ${unknown} pod certificates is not known` : undefined;
}

/** Without additional roots, a volume trusts only the CA of its own certificate. */
function withdrawalProblem(facts: RotationFacts): string | undefined {
  const ofVolumes = facts.toReissue.count + facts.unselected.count;
  const { remaining = 0, reissued = 0 } = facts.podCertificates ?? {};
  const [leaving, arriving] = [ofVolumes + remaining, facts.total - ofVolumes + reissued];
  const isMixed = facts.total > 0 && leaving > 0 && arriving > 0;
  return (
    reportsProblem(facts) ??
    (isMixed ? `certificates of both CAs are in use: ${leaving} and ${arriving}` : undefined) ??
    unknownProblem(facts)
  );
}

/** Of pod certificates that are not known, some may have the CA that a volume does not trust by its own certificate. */
function unknownProblem({ total, podCertificates }: RotationFacts): string | undefined {
  if (total === 0 || podCertificates === undefined) return undefined;
  const { notFollowed, unknown, unknownLimit } = podCertificates;
  if (notFollowed !== undefined) return `the pod certificates are not known: ${notFollowed}`;
  return unknown > unknownLimit ? `the CA of ${unknown} pod certificates is not known` : undefined;
}

function reportsProblem({ isSettled, unverifiedNodes }: RotationFacts): string | undefined {
  if (!isSettled) return 'nodes may not have reported yet';
  const [node, ...more] = unverifiedNodes;
  return node && `${node}${more.length === 0 ? '' : ` and ${more.length} more nodes`} are silent or have not reported`;
}

/** Call it before each write of a trust. @throws CertfleetError failed-precondition if the trust is not safe */
export function assertTrustIsSafe(trust: Trust | undefined, cas: CaPair, facts: RotationFacts): void {
  const problem = trustProblem(trust, cas, facts);
  if (problem !== undefined) throw new CertfleetError('failed-precondition', `trust cannot be changed: ${problem}`);
}
