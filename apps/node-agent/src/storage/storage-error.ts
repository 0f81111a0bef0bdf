import { CertfleetError } from '@certfleet/shared/errors.ts';

/** The system's name of a failure, such as ENOENT; undefined when it is none of the system's. */
export function systemErrorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Runs one step of storage; a failed file call becomes an error that names the step, never what was written. */
export function storageStep<T>(step: string, action: () => T): T {
  try {
    return action();
  } catch (thrown) {
    if (thrown instanceof CertfleetError) throw thrown;
    const code = systemErrorCode(thrown);
    if (code === 'ENOENT') {
      throw new CertfleetError('not-found', `${step}: expected it to be there, found nothing`, { cause: thrown });
    }
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new CertfleetError('resource-exhausted', `${step}: the tmpfs is full`, { reason: 'StorageFull' });
    }
    throw new CertfleetError('internal', `${step}: ${code ?? 'unexpected failure'}`, { cause: thrown });
  }
}

/** The error of a file that is not what this version writes: torn, foreign, or of another version. */
export function damaged(message: string): CertfleetError {
  return new CertfleetError('failed-precondition', message, { reason: 'DamagedVolume' });
}
