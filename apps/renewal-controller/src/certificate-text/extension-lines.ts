import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import {
  basicConstraints,
  inhibitAnyPolicy,
  nameConstraints,
  policyConstraints,
  policyMappings,
  tlsFeatures,
} from './extensions/constraints.ts';
import { authorityKeyIdentifier, subjectKeyIdentifier } from './extensions/key-identifiers.ts';
import { alternativeNames, distributionPoints, informationAccess } from './extensions/locations.ts';
import { certificatePolicies } from './extensions/policies.ts';
import { signedTimestamps } from './extensions/timestamps.ts';
import { extendedKeyUsage, keyUsage, netscapeType } from './extensions/usages.ts';
import { harmless, printableBytes } from './hex.ts';
import { dottedOid, longName } from './object-identifier.ts';

/** Returns the lines of an extension's value; throws if the value does not match its type. */
type ExtensionPrinter = (value: Buffer) => string[];

const printers: Readonly<Record<string, ExtensionPrinter>> = {
  '2.5.29.14': subjectKeyIdentifier,
  '2.5.29.15': keyUsage,
  '2.5.29.17': alternativeNames,
  '2.5.29.18': alternativeNames,
  '2.5.29.19': basicConstraints,
  '2.5.29.30': nameConstraints,
  '2.5.29.31': distributionPoints,
  '2.5.29.32': certificatePolicies,
  '2.5.29.33': policyMappings,
  '2.5.29.35': authorityKeyIdentifier,
  '2.5.29.36': policyConstraints,
  '2.5.29.37': extendedKeyUsage,
  '2.5.29.46': distributionPoints,
  '2.5.29.54': inhibitAnyPolicy,
  '1.3.6.1.5.5.7.1.1': informationAccess,
  '1.3.6.1.5.5.7.1.11': informationAccess,
  '1.3.6.1.5.5.7.1.24': tlsFeatures,
  '1.3.6.1.5.5.7.48.1.5': () => [''],
  '1.3.6.1.4.1.11129.2.4.2': signedTimestamps,
  '1.3.6.1.4.1.11129.2.4.3': () => ['NULL'],
  '2.16.840.1.113730.1.1': netscapeType,
  '2.16.840.1.113730.1.13': (value) => readDerValues(value).map(({ content }) => harmless(content.toString())),
};

const indent = ' '.repeat(16);

/** The lines of one Extension; an unknown or malformed value is printed as bytes. */
export function extensionLines(extension: DerValue): string[] {
  const [type, ...rest] = readDerChildren(extension.encoded);
  const value = rest.at(-1);
  if (type === undefined || value === undefined) throw new Error('expected an identifier and a value');
  const isCritical = rest.some(({ tag, content }) => tag === 0x01 && content[0] !== 0);
  const title = `            ${longName(type.content)}: ${isCritical ? 'critical' : ''}`;
  return [title, ...valueLines(dottedOid(type.content), value.content)];
}

function valueLines(oid: string, value: Buffer): string[] {
  try {
    const print = printers[oid];
    if (print !== undefined) return print(value).map((line) => (line === '' ? '' : `${indent}${line}`));
  } catch {
    // Fall through: print the bytes.
  }
  return [`${indent}${printableBytes(value)}`];
}
