import type { X509Certificate } from 'node:crypto';
import type { SubjectAltNames } from '@certfleet/shared/x509/x509-extensions.ts';

/**
 * The alternative names of a certificate. Node returns one `KIND:value` per name, joined by commas; a value with
 * unusual characters is a JSON string, so that one name cannot look like two.
 */
export function subjectAltNamesOf(certificate: X509Certificate): SubjectAltNames {
  const text = certificate.subjectAltName ?? '';
  const found = [...text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)];
  const ofKind = (kind: string): string[] =>
    found
      .filter(([, name]) => name === kind)
      .map(([, , value = '']) => (value.startsWith('"') ? String(JSON.parse(value)) : value));
  return { dnsNames: ofKind('DNS'), uris: ofKind('URI'), ipAddresses: ofKind('IP Address') };
}
