import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { signCertificate } from '@certfleet/shared/x509/certificate-builder.ts';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';
import { basicConstraintsExtension } from '@certfleet/shared/x509/x509-extensions.ts';

export interface TestRoot {
  readonly pem: string;
  /** SHA-256 of the DER, hexadecimal. */
  readonly fingerprint: string;
}

export interface TestRootOptions {
  readonly isCa?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

let issued = 0n;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A self-signed certificate, of a CA unless stated otherwise. */
export function testRoot(options: TestRootOptions = {}): TestRoot {
  const { isCa = true, notBefore = new Date(Date.UTC(2026, 0)), notAfter = new Date(Date.UTC(2036, 0)) } = options;
  const serialNumber = (issued += 1n);
  const name = encodeDistinguishedName([[{ oid: '2.5.4.3', value: `root ${serialNumber}` }]]);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const times = { notBefore, notAfter };
  const extensions = [basicConstraintsExtension(isCa)];
  const pem = signCertificate(
    { serialNumber, issuer: name, subject: name, ...times, publicKey, extensions },
    privateKey,
  );
  const [block] = parsePem(pem);
  return {
    pem,
    fingerprint: createHash('sha256')
      .update(block?.der ?? '')
      .digest('hex'),
  };
}

export function testRoots(count: number): readonly TestRoot[] {
  return Array.from({ length: count }, () => testRoot());
}
