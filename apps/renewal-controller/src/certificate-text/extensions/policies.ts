import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { harmless } from '../hex.ts';
import { dottedOid, longName } from '../object-identifier.ts';
import { integer } from './constraints.ts';

/** CertificatePolicies (RFC 5280 4.2.1.4). */
export function certificatePolicies(value: Buffer): string[] {
  return readDerChildren(value).flatMap(({ encoded }) => {
    const [policy, qualifiers] = readDerChildren(encoded);
    if (policy === undefined) throw new Error('expected a policy');
    const lines = qualifiers === undefined ? [] : readDerChildren(qualifiers.encoded).flatMap(qualifierLines);
    return [`Policy: ${longName(policy.content)}`, ...lines.map((line) => `  ${line}`)];
  });
}

function qualifierLines({ encoded }: DerValue): string[] {
  const [type, qualifier] = readDerChildren(encoded);
  if (type === undefined || qualifier === undefined) throw new Error('expected a qualifier');
  switch (dottedOid(type.content)) {
    case '1.3.6.1.5.5.7.2.1':
      return [`CPS: ${harmless(qualifier.content.toString())}`];
    case '1.3.6.1.5.5.7.2.2':
      return [
        'User Notice:',
        ...readDerChildren(qualifier.encoded)
          .flatMap(noticeLines)
          .map((line) => `  ${line}`),
      ];
    default:
      return [`  Unknown Qualifier: ${dottedOid(type.content)}`];
  }
}

function noticeLines(part: DerValue): string[] {
  // A NoticeReference is a SEQUENCE; any other type is the explicit text.
  if (part.tag !== 0x30) return [`Explicit Text: ${displayText(part)}`];
  const [organization, numbers] = readDerChildren(part.encoded);
  if (organization === undefined || numbers === undefined) throw new Error('expected an organization and numbers');
  const list = readDerValues(numbers.content).map(({ content }) => integer(content));
  return [`Organization: ${displayText(organization)}`, `Number${list.length > 1 ? 's' : ''}: ${list.join(', ')}`];
}

function displayText({ content }: DerValue): string {
  return harmless(content.toString());
}
