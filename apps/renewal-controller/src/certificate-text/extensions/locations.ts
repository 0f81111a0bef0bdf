import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { nameOneLine } from '../distinguished-name.ts';
import { longName } from '../object-identifier.ts';
import { generalName, generalNameLine } from './general-names.ts';
import { bitNames } from './usages.ts';

/** SubjectAltName and IssuerAltName (RFC 5280 4.2.1.6). */
export function alternativeNames(value: Buffer): string[] {
  const names = readDerChildren(value).map(generalName);
  return [names.length === 0 ? '<EMPTY>\n' : names.join(', ')];
}

/** AuthorityInfoAccess and SubjectInfoAccess (RFC 5280 4.2.2). */
export function informationAccess(value: Buffer): string[] {
  return readDerChildren(value).map(({ encoded }) => {
    const [method, location] = readDerChildren(encoded);
    if (method === undefined || location === undefined) throw new Error('expected a method and a location');
    return `${longName(method.content)} - ${generalName(location)}`;
  });
}

const revocationReasons = [
  'Unused',
  'Key Compromise',
  'CA Compromise',
  'Affiliation Changed',
  'Superseded',
  'Cessation Of Operation',
  'Certificate Hold',
  'Privilege Withdrawn',
  'AA Compromise',
];

/** CRLDistributionPoints and FreshestCRL (RFC 5280 4.2.1.13). */
export function distributionPoints(value: Buffer): string[] {
  return readDerChildren(value).flatMap(({ encoded }) => readDerChildren(encoded).flatMap(pointPart));
}

function pointPart({ tag, content, encoded }: DerValue): string[] {
  if (tag === 0xa0) return readDerValues(content).flatMap(pointName);
  if (tag === 0x81) return ['Reasons:', `  ${bitNames(encoded, revocationReasons).join(', ')}`];
  return ['CRL Issuer:', ...readDerValues(content).map((name) => `  ${generalNameLine(name)}`)];
}

function pointName(name: DerValue): string[] {
  if (name.tag === 0xa0)
    return ['Full Name:', ...readDerValues(name.content).map((each) => `  ${generalNameLine(each)}`)];
  // A name relative to the CRL issuer is one RelativeDistinguishedName.
  const set = { tag: 0x31, content: name.content, encoded: withTag(name.encoded, 0x31) };
  return ['Relative Name:', `  ${nameOneLine({ tag: 0x30, content: set.encoded, encoded: set.encoded })}`];
}

function withTag(encoded: Buffer, tag: number): Buffer {
  return Buffer.concat([Buffer.of(tag), encoded.subarray(1)]);
}
