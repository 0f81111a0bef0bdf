import { fingerprintPattern, normalFingerprint } from '@certfleet/operator-api/fingerprint.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CaRotationSpec } from '../intent/kinds/ca-rotation-kind.ts';

/** How a request names the CAs of a rotation. */
export type NamedCas = Pick<CaRotationSpec, 'from' | 'to'>;

const fingerprint = new RegExp(fingerprintPattern);
/** The key of an issuer, kind.group/namespace/name. */
const issuerKey = /^[A-Za-z][A-Za-z0-9]*\.[A-Za-z0-9.-]*\/[A-Za-z0-9.-]*\/[^/\s]+$/;

/**
 * Reads how a request names a CA.
 * @throws CertfleetError invalid-argument for other text
 */
export function readCaReference(name: 'from' | 'to', given: string): NamedCas['from'] {
  const text = given.trim();
  if (text.includes('-----BEGIN')) return { certificate: given };
  if (fingerprint.test(text)) return { fingerprint: normalFingerprint(text) };
  if (name === 'from' && issuerKey.test(text)) return { issuer: text };
  const more = name === 'from' ? ', or the key of an issuer (kind.group/namespace/name)' : '';
  throw new CertfleetError(
    'invalid-argument',
    `${name}: expected certificates in PEM, or the SHA-256 of a CA in 64 hexadecimal digits${more}`,
  );
}
