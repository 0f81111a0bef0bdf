import { CertfleetError } from '@certfleet/shared/errors.ts';
import { lifetimeBounds } from '../kind/pod-certificate-signer-kind.ts';

/** The API server accepts five minutes; a minute suffices for peers whose clock is slow. */
const backdateMs = 60_000;

/** A certificate's times, in whole seconds. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * The validity of a certificate that a CA signs now: within that of the CA.
 * @throws CertfleetError failed-precondition if the CA's remaining validity is shorter than the API allows
 */
export function validityWithin(ca: Validity, lifetimeSeconds: number, nowMs: number): Validity {
  const wholeSeconds = Math.floor((nowMs - backdateMs) / 1000) * 1000;
  const fromMs = Math.max(wholeSeconds, ca.notBefore.getTime());
  const untilMs = Math.min(fromMs + lifetimeSeconds * 1000, ca.notAfter.getTime());
  if (untilMs - fromMs < lifetimeBounds.minSeconds * 1000) {
    const when = ca.notAfter.toISOString();
    throw new CertfleetError(
      'failed-precondition',
      `the CA expires at ${when}: a pod certificate is valid for an hour at least; replace the CA`,
    );
  }
  return { notBefore: new Date(fromMs), notAfter: new Date(untilMs) };
}
