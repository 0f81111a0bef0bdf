import { isIPv4, isIPv6 } from 'node:net';
import { CertfleetError } from '../errors.ts';
import type { KeyUsage } from './key-usages.ts';
import { bitString, contextPrimitive, objectIdentifier, octetString, sequence, trueValue } from './der.ts';

/** The alternative names of a request. */
export interface SubjectAltNames {
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly ipAddresses: readonly string[];
}

export const subjectAltNameOid = '2.5.29.17';

/** A bit of the KeyUsage extension (RFC 5280 4.2.1.3), or the identifier of an extended one (4.2.1.12). */
const usageTable: Readonly<Record<KeyUsage, number | string>> = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

const usageNames = new Map<number | string, string>(
  // The first name of a usage is shown; `signing` is only an alias of `digital signature`.
  Object.entries(usageTable)
    .filter(([name]) => name !== 'signing')
    .toReversed()
    .map(([name, entry]) => [entry, name]),
);

/** The name of a bit of KeyUsage or of the identifier of an extended one; undefined if it has none. */
export function usageName(entry: number | string): string | undefined {
  return usageNames.get(entry);
}

/** One Extension: the identifier, the critical flag, and the DER of its value. */
export function extension(oid: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [trueValue] : []), octetString(value));
}

/**
 * KeyUsage and ExtendedKeyUsage as cert-manager's webhook expects them for the request's `usages` and `isCA`: a CA also
 * has "cert sign", no usage means the API's default pair, and extended usages keep their order and repetitions, because
 * the webhook compares the lists element by element.
 */
export function keyUsageExtensions(usages: readonly KeyUsage[], isCa: boolean): Buffer[] {
  const requested: readonly KeyUsage[] = usages.length > 0 ? usages : ['digital signature', 'key encipherment'];
  const effective = (isCa ? [...requested, 'cert sign' as const] : requested).map((usage) => usageTable[usage]);
  const bits = effective.filter((entry) => typeof entry === 'number');
  const oids = effective.filter((entry) => typeof entry === 'string');
  return [
    ...(bits.length > 0 ? [extension('2.5.29.15', true, namedBits(bits))] : []),
    ...(oids.length > 0 ? [extension('2.5.29.37', false, sequence(...oids.map(objectIdentifier)))] : []),
  ];
}

/** BasicConstraints (RFC 5280 4.2.1.9), without a path length. */
export function basicConstraintsExtension(isCa: boolean): Buffer {
  return extension('2.5.29.19', true, isCa ? sequence(trueValue) : sequence());
}

/**
 * SubjectAltName, or nothing without names; the kinds are ordered as by Go's encoder. Critical if the subject is empty
 * (RFC 5280 4.2.1.6).
 * @throws CertfleetError invalid-argument if a name is not ASCII or an address is invalid
 */
export function subjectAltNameExtension(names: SubjectAltNames, subjectIsEmpty: boolean): Buffer[] {
  const generalNames = [
    ...names.dnsNames.map((name) => contextPrimitive(2, ascii('DNS name', name))),
    ...names.ipAddresses.map((address) => contextPrimitive(7, ipAddressOctets(address))),
    ...names.uris.map((uri) => contextPrimitive(6, ascii('URI', uri))),
  ];
  return generalNames.length > 0 ? [extension(subjectAltNameOid, subjectIsEmpty, sequence(...generalNames))] : [];
}

/** A BIT STRING of named bits, without trailing zero bits (X.690 11.2.2). */
function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(...bits);
  const octets = new Uint8Array((highest >> 3) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(octets, 7 - (highest & 7));
}

function ascii(kind: string, text: string): Buffer {
  if (/^[\x00-\x7f]+$/.test(text)) return Buffer.from(text, 'latin1');
  throw new CertfleetError('invalid-argument', `expected a ${kind} of ASCII characters, found ${JSON.stringify(text)}`);
}

/** Four or sixteen octets in network order; an IPv4-mapped IPv6 address counts as IPv4, as in Go. */
function ipAddressOctets(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address) || address.includes('%')) {
    throw new CertfleetError('invalid-argument', `expected an IP address, found ${JSON.stringify(address)}`);
  }
  const hexOnly = address.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = [], tail = []] = hexOnly.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const gap = Array<string>(8 - head.length - tail.length).fill('0');
  const octets = Buffer.alloc(16);
  for (const [index, group] of [...head, ...gap, ...tail].entries())
    octets.writeUInt16BE(parseInt(group, 16), index * 2);
  const mapped = octets.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'));
  return mapped ? octets.subarray(12) : octets;
}
