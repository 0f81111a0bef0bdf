import { createPublicKey } from 'node:crypto';
import { readDerChildren } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { hexLines } from './hex.ts';
import { dottedOid, longName, shortName } from './object-identifier.ts';

interface Curve {
  readonly bits: number;
  readonly nist?: string;
}

const curves: Readonly<Record<string, Curve>> = {
  prime256v1: { bits: 256, nist: 'P-256' },
  secp224r1: { bits: 224, nist: 'P-224' },
  secp384r1: { bits: 384, nist: 'P-384' },
  secp521r1: { bits: 521, nist: 'P-521' },
  secp256k1: { bits: 256 },
  brainpoolP256r1: { bits: 256 },
  brainpoolP384r1: { bits: 384 },
  brainpoolP512r1: { bits: 512 },
};

const indent = 16;
const keyLayout = { bytesPerLine: 15, indent: indent + 4 };
const at = (text: string): string => `${' '.repeat(indent)}${text}`;

/** The lines of a SubjectPublicKeyInfo, starting with its algorithm. */
export function publicKeyLines(keyInfo: DerValue): string[] {
  const [algorithm, bits] = readDerChildren(keyInfo.encoded);
  const [type, parameters] = algorithm === undefined ? [] : readDerChildren(algorithm.encoded);
  if (type === undefined || bits === undefined) throw new Error('expected an algorithm and a key');
  const name = `            Public Key Algorithm: ${longName(type.content)}`;
  return [name, ...keyLines(keyInfo, { type, parameters, key: bits.content.subarray(1) })];
}

interface KeyParts {
  readonly type: DerValue;
  readonly parameters: DerValue | undefined;
  readonly key: Buffer;
}

function keyLines(keyInfo: DerValue, { type, parameters, key }: KeyParts): string[] {
  try {
    // OpenSSL does not print a key that it cannot load, for example a point that is not on the curve.
    createPublicKey({ key: keyInfo.encoded, format: 'der', type: 'spki' });
    switch (dottedOid(type.content)) {
      case '1.2.840.113549.1.1.1':
        return rsaLines(key);
      case '1.2.840.113549.1.1.10':
        return [...rsaLines(key), at(`${parameters === undefined ? 'No ' : ''}PSS parameter restrictions`)];
      case '1.2.840.10045.2.1':
        return curveLines(parameters, key);
      case '1.3.101.110':
      case '1.3.101.111':
      case '1.3.101.112':
      case '1.3.101.113':
        return [at(`${longName(type.content)} Public-Key:`), at('pub:'), ...hexLines(key, keyLayout)];
    }
  } catch {
    // Reported below.
  }
  return ['            Unable to load Public Key'];
}

function rsaLines(key: Buffer): string[] {
  const [modulus, exponent] = readDerChildren(key);
  if (modulus === undefined || exponent === undefined) throw new Error('expected a modulus and an exponent');
  const first = modulus.content[0] === 0 ? modulus.content[1] : modulus.content[0];
  const octets = modulus.content.length - (modulus.content[0] === 0 ? 1 : 0);
  const bits = octets * 8 - Math.clz32(first ?? 0) + 24;
  return [at(`Public-Key: (${bits} bit)`), ...numberLines('Modulus', modulus), ...numberLines('Exponent', exponent)];
}

function numberLines(label: string, { content }: DerValue): string[] {
  const significant = content[0] === 0 ? content.subarray(1) : content;
  if (significant.length > 8) return [at(`${label}:`), ...hexLines(content, keyLayout)];
  const value = BigInt(`0x${significant.toString('hex')}`);
  return [at(`${label}: ${value} (0x${value.toString(16)})`)];
}

function curveLines(parameters: DerValue | undefined, key: Buffer): string[] {
  const name = parameters?.tag === 0x06 ? shortName(parameters.content) : '';
  const { bits, nist } = curves[name] ?? { bits: undefined, nist: undefined };
  return [
    at(bits === undefined ? 'Public-Key:' : `Public-Key: (${bits} bit)`),
    at('pub:'),
    ...hexLines(key, keyLayout),
    ...(name === '' ? [] : [at(`ASN1 OID: ${name}`)]),
    ...(nist === undefined ? [] : [at(`NIST CURVE: ${nist}`)]),
  ];
}
