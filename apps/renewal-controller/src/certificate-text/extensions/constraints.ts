import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { capitalHex } from '../hex.ts';
import { longName } from '../object-identifier.ts';
import { generalNameLine, ipAddress } from './general-names.ts';

/** BasicConstraints (RFC 5280 4.2.1.9). */
export function basicConstraints(value: Buffer): string[] {
  const parts = readDerChildren(value);
  const isCa = parts.some(({ tag, content }) => tag === 0x01 && content[0] !== 0);
  const length = parts.find(({ tag }) => tag === 0x02);
  return [`CA:${isCa ? 'TRUE' : 'FALSE'}${length === undefined ? '' : `, pathlen:${integer(length.content)}`}`];
}

/** NameConstraints (RFC 5280 4.2.1.10). */
export function nameConstraints(value: Buffer): string[] {
  const titles: Readonly<Record<number, string>> = { 0xa0: 'Permitted:', 0xa1: 'Excluded:' };
  return readDerChildren(value).flatMap(({ tag, content }) => [
    titles[tag] ?? '',
    ...readDerValues(content).map((subtree) => `  ${constrainedName(subtree)}`),
  ]);
}

function constrainedName(subtree: DerValue): string {
  const [base] = readDerChildren(subtree.encoded);
  if (base === undefined) throw new Error('expected a name');
  if (base.tag !== 0x87) return generalNameLine(base);
  const { content } = base;
  const length = [16, 4].find((octets) => content.length >= octets) ?? content.length;
  return `IP:${ipAddress(content.subarray(0, length))}/${ipAddress(content.subarray(length))}`;
}

/** PolicyConstraints (RFC 5280 4.2.1.11). */
export function policyConstraints(value: Buffer): string[] {
  const titles: Readonly<Record<number, string>> = { 0x80: 'Require Explicit Policy', 0x81: 'Inhibit Policy Mapping' };
  const parts = readDerChildren(value).map(({ tag, content }) => `${titles[tag] ?? ''}:${integer(content)}`);
  return [parts.join(', ')];
}

/** InhibitAnyPolicy (RFC 5280 4.2.1.14). */
export function inhibitAnyPolicy(value: Buffer): string[] {
  const [certificates] = readDerValues(value);
  return [integer(certificates?.content ?? Buffer.alloc(0))];
}

/** PolicyMappings (RFC 5280 4.2.1.5). */
export function policyMappings(value: Buffer): string[] {
  const pairs = readDerChildren(value).map(({ encoded }) => readDerChildren(encoded));
  return [pairs.map((pair) => pair.map(({ content }) => longName(content)).join(':')).join(', ')];
}

/** TLS feature extension (RFC 7633). */
export function tlsFeatures(value: Buffer): string[] {
  const names: Readonly<Record<string, string>> = { '5': 'status_request', '17': 'status_request_v2' };
  const features = readDerChildren(value).map(({ content }) => integer(content));
  return [features.map((feature) => names[feature] ?? feature).join(', ')];
}

/** An integer as OpenSSL prints it in extensions: decimal, or hexadecimal from 128 bits. */
export function integer(content: Buffer): string {
  if (content.length === 0 || content.length > 64) throw new Error('expected a number');
  const isNegative = ((content[0] ?? 0) & 0x80) !== 0;
  const value = BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString('hex')}`));
  if (content.length <= 16) return value.toString();
  return `${isNegative ? '-' : ''}0x${capitalHex(content).replaceAll(':', '')}`;
}
