import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';

/**
 * Rethrows the failure of a write that an operator has requested. A problem of the controller's access is not the
 * operator's.
 */
export function refuse(thrown: unknown, what: string): never {
  const error = asCertfleetError(thrown);
  const isOfOperator = error.code === 'invalid-argument' || error.code === 'already-exists';
  if (isOfOperator || (error.code === 'not-found' && error.reason !== 'ApiNotServed')) throw error;
  const doubt = error.code === 'deadline-exceeded' ? '; it may have been stored' : '';
  throw new CertfleetError('unavailable', `${what} could not be stored${doubt}; repeat it later: ${error.message}`, {
    cause: thrown,
  });
}
