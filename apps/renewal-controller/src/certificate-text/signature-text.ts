import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { capitalHex, hexLines } from './hex.ts';
import { dottedOid, longName } from './object-identifier.ts';

const pssOid = '1.2.840.113549.1.1.10';

/** The name of a signature algorithm and, for RSA-PSS, the lines of its parameters. */
export function signatureAlgorithm(algorithm: DerValue): { readonly name: string; readonly parameters: string[] } {
  const [type, parameters] = readDerChildren(algorithm.encoded);
  if (type === undefined) throw new Error('expected an algorithm');
  const isPss = dottedOid(type.content) === pssOid && parameters !== undefined;
  return { name: longName(type.content), parameters: isPss ? pssLines(parameters) : [] };
}

export function signatureLines(bits: DerValue): string[] {
  return hexLines(bits.content.subarray(1), { bytesPerLine: 18, indent: 8 });
}

/** RSASSA-PSS-params (RFC 4055 3.1); each field is absent if it has its default. */
function pssLines(parameters: DerValue): string[] {
  const fields = new Map(readDerChildren(parameters.encoded).map(({ tag, content }) => [tag, content]));
  const [hash, mask, salt, trailer] = [0xa0, 0xa1, 0xa2, 0xa3].map((tag) => fields.get(tag));
  return [
    `Hash Algorithm: ${hash === undefined ? 'sha1 (default)' : nameOf(hash)}`,
    `Mask Algorithm: ${mask === undefined ? 'mgf1 with sha1 (default)' : maskName(mask)}`,
    ` Salt Length: 0x${salt === undefined ? '14 (default)' : number(salt)}`,
    `Trailer Field: 0x${trailer === undefined ? '01 (default)' : number(trailer)}`,
  ].map((line) => `        ${line}`);
}

function nameOf(algorithm: Buffer): string {
  const [type] = readDerChildren(algorithm);
  return longName(type?.content ?? Buffer.alloc(0));
}

function maskName(algorithm: Buffer): string {
  const [type, hash] = readDerChildren(algorithm);
  const name = longName(type?.content ?? Buffer.alloc(0));
  return `${name} with ${hash === undefined ? 'INVALID' : nameOf(hash.encoded)}`;
}

function number(content: Buffer): string {
  const [value] = readDerValues(content);
  const octets = value?.content ?? Buffer.alloc(0);
  return capitalHex(octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets).replaceAll(':', '');
}
