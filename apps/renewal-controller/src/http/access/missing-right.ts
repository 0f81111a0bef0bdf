import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { OperatorRight } from '../../identity/access-review.ts';

/** User names come from an authenticator or a proxy and have no fixed limit. */
const maxNameLength = 256;

/** The error for a missing right; it names the user, the right and the ClusterRole that grants it. */
export function missingRight(username: string, right: OperatorRight): CertfleetError {
  const user = JSON.stringify(username.slice(0, maxNameLength));
  if (right === 'sign') {
    const message = `user ${user} has no right to sign in lanes.certfleet.io, which the ClusterRole of the pod certificate signer grants`;
    return new CertfleetError('permission-denied', message, { reason: 'NoRight' });
  }
  return new CertfleetError(
    'permission-denied',
    `user ${user} has no right to ${right} volumes.certfleet.io: bind the ClusterRole certfleet-${right} to this user, or to ` +
      'one of its groups, with a ClusterRoleBinding',
    { reason: 'NoRight' },
  );
}
