// Distinguished Encoding Rules (ITU-T X.690), as far as PKCS#10, X.509 and PKCS#12 need them. Each function returns one
// encoded value; structures are nested calls.
import { CertfleetError } from '../errors.ts';

/** A value with the given identifier octet; the contents are concatenated. */
function tagged(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((total, content) => total + content.length, 0);
  const header = [tag, ...lengthOctets(length)];
  const value = Buffer.allocUnsafe(header.length + length);
  value.set(header);
  let offset = header.length;
  for (const content of contents) {
    value.set(content, offset);
    offset += content.length;
  }
  return value;
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => tagged(0x30, ...contents);

/** SET OF: X.690 11.6 orders the elements by their encodings. */
export const setOf = (...elements: readonly Uint8Array[]): Buffer =>
  tagged(0x31, ...elements.toSorted((left, right) => Buffer.compare(left, right)));

export const octetString = (content: Uint8Array): Buffer => tagged(0x04, content);

/** A bit string; `unusedBits` (0 to 7) bits of the last octet are not part of it. */
export const bitString = (content: Uint8Array, unusedBits = 0): Buffer =>
  tagged(0x03, Uint8Array.of(unusedBits), content);

export const nullValue: Uint8Array = Uint8Array.of(0x05, 0x00);
export const trueValue: Uint8Array = Uint8Array.of(0x01, 0x01, 0xff);

export const utf8String = (text: string): Buffer => tagged(0x0c, Buffer.from(text, 'utf8'));
export const printableString = (text: string): Buffer => tagged(0x13, Buffer.from(text, 'latin1'));
export const ia5String = (text: string): Buffer => tagged(0x16, Buffer.from(text, 'latin1'));
/** UTF-16, big-endian. */
export const bmpString = (text: string): Buffer => tagged(0x1e, Buffer.from(text, 'utf16le').swap16());

/** A constructed value with context tag `number` (0 to 30): EXPLICIT, or IMPLICIT over a SEQUENCE or SET. */
export const contextConstructed = (number: number, ...contents: readonly Uint8Array[]): Buffer =>
  tagged(0xa0 | number, ...contents);

/** A primitive value with context tag `number` (0 to 30): IMPLICIT over a string. */
export const contextPrimitive = (number: number, content: Uint8Array): Buffer => tagged(0x80 | number, content);

/** A non-negative INTEGER. */
export function integer(value: number | bigint): Buffer {
  const octets = unsignedOctets(BigInt(value));
  // Two's complement: a leading one bit would make it negative.
  return (octets[0] ?? 0) >= 0x80 ? tagged(0x02, Uint8Array.of(0), octets) : tagged(0x02, octets);
}

/** Cache of encoded identifiers: a request has eight, nearly always the same; a subject may add any others. */
const knownIdentifiers = new Map<string, Buffer>();
const maxKnown = 64;

/**
 * An OBJECT IDENTIFIER from its dotted form.
 * @throws CertfleetError invalid-argument if the text is not one
 */
export function objectIdentifier(dotted: string): Buffer {
  const encoded = knownIdentifiers.get(dotted) ?? encodeIdentifier(dotted);
  if (knownIdentifiers.size < maxKnown) knownIdentifiers.set(dotted, encoded);
  return encoded;
}

function encodeIdentifier(dotted: string): Buffer {
  if (!/^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9]\d{0,39}))(?:\.(?:0|[1-9]\d{0,39}))*$/.test(dotted)) {
    throw new CertfleetError(
      'invalid-argument',
      `expected an object identifier such as "2.5.4.3", found ${JSON.stringify(dotted)}`,
    );
  }
  const [root = 0n, branch = 0n, ...rest] = dotted.split('.').map(BigInt);
  return tagged(0x06, Uint8Array.from([root * 40n + branch, ...rest].flatMap(base128)));
}

/** A time in seconds: UTCTime for 1950 to 2049, GeneralizedTime otherwise (RFC 5280 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : tagged(0x18, Buffer.from(`${digits}Z`));
}

/** The shortest form, as DER requires (X.690 10.1). */
function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets = unsignedOctets(BigInt(length));
  return [0x80 | octets.length, ...octets];
}

function unsignedOctets(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

function base128(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80);
  return octets;
}
