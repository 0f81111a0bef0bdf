import type { X509Certificate } from 'node:crypto';
import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { usageName } from '@certfleet/shared/x509/x509-extensions.ts';

/** The cryptographic properties of a certificate that policies limit. */
export interface CertificatePosture {
  /** Bits of the modulus of an RSA key; 0 for other keys. */
  readonly keyBits: number;
  /** Empty for RSA. */
  readonly curve: string;
  /** As OpenSSL names it; with RSASSA-PSS, followed by its hash. */
  readonly signatureAlgorithm: string;
  /** Whether it may sign certificates, by basic constraints and key usage. */
  readonly isCa: boolean;
  /** Key usages, then extended ones, by the names of cert-manager or by their identifiers. */
  readonly usages: readonly string[];
}

/** Reads the properties of a certificate of any issuer; what cannot be read is absent. */
export function certificatePosture(leaf: X509Certificate): CertificatePosture {
  const { keyBits, curve } = orElse(() => keyOf(leaf), { keyBits: 0, curve: '' });
  const bits = orElse(() => keyUsageBits(leaf), []);
  // Node calls the identifiers of the extended key usages so; undefined without the extension.
  const extended = (leaf.keyUsage as readonly string[] | undefined) ?? [];
  return {
    keyBits,
    curve,
    signatureAlgorithm: orElse(() => signatureAlgorithmOf(leaf), leaf.signatureAlgorithmOid),
    isCa: leaf.ca,
    usages: [...bits, ...extended].map((usage) => usageName(usage) ?? String(usage)),
  };
}

/** The names of NIST; OpenSSL uses those of SEC 2. */
const curveNames: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
  ed25519: 'Ed25519',
  ed448: 'Ed448',
};

function keyOf({ publicKey }: X509Certificate): Pick<CertificatePosture, 'keyBits' | 'curve'> {
  const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined) return { keyBits: modulusLength, curve: '' };
  const name = namedCurve ?? publicKey.asymmetricKeyType ?? '';
  return { keyBits: 0, curve: curveNames[name] ?? name };
}

const pssOid = '1.2.840.113549.1.1.10';

/** The content of the identifiers of hashes, hexadecimal. */
const hashNames: Readonly<Record<string, string>> = {
  '2b0e03021a': 'SHA1',
  '608648016503040204': 'SHA224',
  '608648016503040201': 'SHA256',
  '608648016503040202': 'SHA384',
  '608648016503040203': 'SHA512',
};

function signatureAlgorithmOf({ raw, signatureAlgorithm, signatureAlgorithmOid }: X509Certificate): string {
  const name = signatureAlgorithm ?? signatureAlgorithmOid;
  if (signatureAlgorithmOid !== pssOid) return name;
  const [, algorithm] = readDerChildren(raw);
  const [, parameters] = childrenOf(algorithm);
  const hash = childrenOf(parameters).find(({ tag }) => tag === 0xa0);
  // RFC 4055 3.1: SHA-1 unless the parameters name another hash.
  if (hash === undefined) return `${name}-SHA1`;
  const [identifier] = readDerChildren(hash.content);
  const hex = identifier?.content.toString('hex') ?? '';
  return `${name}-${hashNames[hex] ?? hex}`;
}

/** The content of the identifier of KeyUsage (2.5.29.15), hexadecimal. */
const keyUsageId = '551d0f';

/** The bits of KeyUsage that are set; none without the extension. */
function keyUsageBits({ raw }: X509Certificate): readonly number[] {
  const [signed] = readDerChildren(raw);
  const extensions = childrenOf(signed).find(({ tag }) => tag === 0xa3);
  if (extensions === undefined) return [];
  for (const { encoded } of readDerChildren(extensions.content)) {
    const fields = readDerChildren(encoded);
    if (fields[0]?.content.toString('hex') !== keyUsageId) continue;
    const [bits] = readDerValues(fields.at(-1)?.content ?? Buffer.of());
    // The first octet is the number of unused bits, which are zero.
    const octets = bits?.content.subarray(1) ?? Buffer.of();
    return Array.from({ length: octets.length * 8 }, (_, bit) => bit).filter(
      (bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0,
    );
  }
  return [];
}

const childrenOf = (value: DerValue | undefined): DerValue[] => readDerValues(value?.content ?? Buffer.of());

function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise; // A kind of key or an encoding that OpenSSL accepts in a certificate but does not support.
  }
}
