import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { IntentStore } from './intent-store.ts';

type ExpiringKind = 'Renewal' | 'CARotation';

/** The used fields of an object that can finish. */
interface ExpiringObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly ttlSecondsAfterFinished?: number };
  readonly status?: { readonly completionTime?: string };
}

export interface ExpiryParts {
  readonly store: Pick<IntentStore, 'delete'>;
  readonly clock: Pick<Clock, 'now'>;
  /** The time of Redis, in milliseconds. */
  readonly readIndex: () => Promise<{ readonly nowMs: number }>;
}

/**
 * Deletes a finished object after its TTL, if neither this clock nor that of Redis says that it is too early.
 * @returns whether it is deleted
 */
export async function expireFinished(
  { store, clock, readIndex }: ExpiryParts,
  kind: ExpiringKind,
  { metadata, spec, status = {} }: ExpiringObject,
): Promise<boolean> {
  if (spec.ttlSecondsAfterFinished === undefined || status.completionTime === undefined) return false;
  const expiresMs = Date.parse(status.completionTime) + spec.ttlSecondsAfterFinished * 1_000;
  if (clock.now() < expiresMs || (await readIndex()).nowMs < expiresMs) return false;
  await store.delete(kind, metadata.name, metadata.uid).catch((thrown: unknown) => {
    if (asCertfleetError(thrown).code !== 'not-found') throw thrown;
  });
  return true;
}
