import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import { capitalHex } from '../hex.ts';
import { generalName } from './general-names.ts';

/** SubjectKeyIdentifier (RFC 5280 4.2.1.2). */
export function subjectKeyIdentifier(value: Buffer): string[] {
  const [id] = readDerValues(value);
  if (id?.tag !== 0x04) throw new Error('expected octets');
  return [capitalHex(id.content)];
}

/** AuthorityKeyIdentifier (RFC 5280 4.2.1.1). */
export function authorityKeyIdentifier(value: Buffer): string[] {
  const parts = new Map(readDerChildren(value).map(({ tag, content }) => [tag, content]));
  const [keyId, issuer, serial] = [0x80, 0xa1, 0x82].map((tag) => parts.get(tag));
  if (keyId === undefined && issuer === undefined && serial === undefined) throw new Error('expected an identifier');
  const prefix = issuer === undefined && serial === undefined ? '' : 'keyid:';
  return [
    ...(keyId === undefined ? [] : [`${prefix}${capitalHex(keyId)}`]),
    ...(issuer === undefined ? [] : readDerValues(issuer).map(generalName)),
    ...(serial === undefined ? [] : [`serial:${capitalHex(serial)}`]),
  ];
}
