import type { X509Certificate } from 'node:crypto';
import type { SubjectAltNames } from './x509-extensions.ts';

/**
 * The alternative names in a certificate. Node gives one `KIND:value` per name, joined by commas; a value with unusual
 * characters is a JSON string, so that no name can pass for two.
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
