/** When a certificate is valid. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * The time to renew a certificate: `renewBeforeMs` before not-after, or, when that is not given or not shorter than the
 * certificate's lifetime, after two thirds of the lifetime that the issuer actually granted.
 */
export function renewAt({ notBefore, notAfter }: Validity, renewBeforeMs: number | undefined): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  const usable = renewBeforeMs !== undefined && renewBeforeMs > 0 && renewBeforeMs < lifetimeMs;
  return new Date(notAfter.getTime() - (usable ? renewBeforeMs : lifetimeMs / 3));
}
