import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { OperatorRight } from '../identity/access-review.ts';

/** Names of users are up to an authenticator or a proxy. */
const maxNameLength = 256;

/** The answer to a user whom RBAC does not allow something: what is missing, who lacks it, and what gives it. */
export function missingRight(username: string, right: OperatorRight): CertfleetError {
  const user = JSON.stringify(username.slice(0, maxNameLength));
  return new CertfleetError(
    'permission-denied',
    `user ${user} has no right to ${right} volumes.certfleet.io: bind the ClusterRole certfleet-${right} to this user, or to ` +
      'a group that it is in, by a ClusterRoleBinding',
    { reason: 'NoRight' },
  );
}
