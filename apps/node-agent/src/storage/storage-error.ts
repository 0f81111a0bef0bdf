import { CertfleetError } from '@certfleet/shared/errors.ts';

/** The system's error code, such as ENOENT; undefined if this is not a system error. */
export function systemErrorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Runs one storage step; a failed file system call becomes an error that names the step, never the content. */
export function storageStep<T>(step: string, action: () => T): T {
  try {
    return action();
  } catch (thrown) {
    if (thrown instanceof CertfleetError) throw thrown;
    const code = systemErrorCode(thrown);
    if (code === 'ENOENT') {
      throw new CertfleetError('not-found', `${step}: not found`, { cause: thrown });
    }
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new CertfleetError('resource-exhausted', `${step}: the tmpfs is full`, { reason: 'StorageFull' });
    }
    throw new CertfleetError('internal', `${step}: ${code ?? 'unexpected failure'}`, { cause: thrown });
  }
}

/** The error for a file that is truncated, foreign or of another version. */
export function damaged(message: string): CertfleetError {
  return new CertfleetError('failed-precondition', message, { reason: 'DamagedVolume' });
}
