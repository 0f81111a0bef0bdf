import type { X509Certificate } from 'node:crypto';
import type { CertificateOrder } from '../policy/decide.ts';

/** A certificate and the intermediate CAs above it, as PEM; the times are those of the certificate. */
export interface IssuedChain {
  readonly certificateChain: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Signs certificates that the policy allows. */
export interface Issuer {
  /** @throws CertfleetError if it cannot sign now: the request stays pending */
  sign(order: CertificateOrder, signal: AbortSignal): Promise<IssuedChain>;
  /**
   * The CAs that verifiers of its certificates must trust; empty while they are not known.
   * @throws CertfleetError if they cannot be read now
   */
  trustAnchors(): Promise<readonly X509Certificate[]>;
}
