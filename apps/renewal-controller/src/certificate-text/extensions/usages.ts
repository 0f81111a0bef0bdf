import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import { longName } from '../object-identifier.ts';

const keyUsages = [
  'Digital Signature',
  'Non Repudiation',
  'Key Encipherment',
  'Data Encipherment',
  'Key Agreement',
  'Certificate Sign',
  'CRL Sign',
  'Encipher Only',
  'Decipher Only',
];
const netscapeTypes = [
  'SSL Client',
  'SSL Server',
  'S/MIME',
  'Object Signing',
  'Unused',
  'SSL CA',
  'S/MIME CA',
  'Object Signing CA',
];

/** KeyUsage (RFC 5280 4.2.1.3). */
export function keyUsage(value: Buffer): string[] {
  return [namedBits(value, keyUsages)];
}

/** Netscape's certificate type, which some issuers still set. */
export function netscapeType(value: Buffer): string[] {
  return [namedBits(value, netscapeTypes)];
}

/** ExtendedKeyUsage (RFC 5280 4.2.1.12). */
export function extendedKeyUsage(value: Buffer): string[] {
  const purposes = readDerChildren(value).map(({ content }) => longName(content));
  if (purposes.length === 0) throw new Error('expected a purpose');
  return [purposes.join(', ')];
}

function namedBits(value: Buffer, names: readonly string[]): string {
  const set = bitNames(value, names);
  if (set.length === 0) throw new Error('expected a bit');
  return set.join(', ');
}

/** The names of the bits that are set in a BIT STRING. */
export function bitNames(value: Buffer, names: readonly string[]): string[] {
  const [bits] = readDerValues(value);
  if (bits === undefined || (bits.tag & 0x1f) > 0x03) throw new Error('expected bits');
  const octets = bits.content.subarray(1);
  return names.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}
