import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';
import { keyTypeOf } from '@certfleet/shared/x509/pod-certificate-key-type.ts';
import { maxAnnotationCharacters } from '../requests/pod-certificate-request.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import { proveKey } from '../requests/proof-of-possession.ts';
import type { ProvenKey } from '../requests/proof-of-possession.ts';
import type { CertificateNames } from './certificate-names.ts';
import { Denial } from './denial.ts';
import type { SignerPolicy } from './signer-policy.ts';
import { refine } from './user-annotations.ts';

/** A certificate that the policy allows. */
export interface CertificateOrder {
  readonly key: ProvenKey;
  readonly names: CertificateNames;
  readonly usages: readonly KeyUsage[];
  readonly lifetimeSeconds: number;
  /** When to refresh before the end; undefined for a third of the lifetime. */
  readonly renewBeforeSeconds: number | undefined;
}

/**
 * Applies a policy to a request.
 * @throws Denial with a reason that the pod's author can act on
 */
export function decide(request: PodCertificateRequest, policy: SignerPolicy): CertificateOrder {
  const { identity, annotations, maxExpirationSeconds } = request;
  const key = provenKey(request, policy);
  if (!policy.allows(identity)) {
    const { namespace, serviceAccountName } = identity.pod;
    const who = `ServiceAccount ${serviceAccountName} in namespace ${namespace}`;
    throw new Denial('IdentityNotAllowed', `PodCertificateSigner ${policy.name} does not allow ${who}`);
  }
  if (annotations === undefined)
    throw new Denial(
      'InvalidUnverifiedUserAnnotations',
      `expected annotations of at most ${maxAnnotationCharacters} characters together`,
    );
  const names = (): ReturnType<typeof refine> => refine(annotations, { policy, identity });
  const { lifetimeSeconds = policy.maxLifetimeSeconds, ...refinement } = asDenial('InvalidNames', names);
  const allowedSeconds = Math.min(maxExpirationSeconds, policy.maxLifetimeSeconds, lifetimeSeconds);
  checkRefresh(refinement.renewBeforeSeconds, allowedSeconds);
  return { ...refinement, key, lifetimeSeconds: allowedSeconds };
}

function provenKey(request: PodCertificateRequest, policy: SignerPolicy): ProvenKey {
  const proven = asDenial('InvalidProofOfPossession', () => proveKey(request));
  const type = keyTypeOf(proven.key);
  if (type !== undefined && policy.keyTypes.includes(type)) return proven;
  const expected = policy.keyTypes.join(' or ');
  throw new Denial('UnsupportedKeyType', `expected a key of type ${expected}, found ${type ?? 'another type'}`);
}

/** A pod must not be able to occupy the lane by refreshing all the time. */
function checkRefresh(renewBeforeSeconds: number | undefined, lifetimeSeconds: number): void {
  const maxSeconds = lifetimeSeconds / 2;
  if (renewBeforeSeconds === undefined || renewBeforeSeconds <= maxSeconds) return;
  const message = `renew-before must be at most half of the lifetime (${maxSeconds} s), found ${renewBeforeSeconds} s`;
  throw new Denial('InvalidUnverifiedUserAnnotations', message);
}

/** Turns invalid input into a denial; any other error is a fault of the signer, and the request stays pending. */
function asDenial<Result>(reason: 'InvalidNames' | 'InvalidProofOfPossession', read: () => Result): Result {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof CertfleetError && thrown.code === 'invalid-argument')
      throw new Denial(reason, asCertfleetError(thrown).message);
    throw thrown;
  }
}
