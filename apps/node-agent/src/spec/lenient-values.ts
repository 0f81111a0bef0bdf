// Reads values that a new volume would be refused for, for existing volumes (certfleet's, or taken over from
// cert-manager's csi-driver). None of these functions throws.
import { keyUsages } from '@certfleet/shared/x509/key-usages.ts';
import { parseDnsNames, parseIpAddresses, parseUris } from './name-values.ts';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';

/** Text as it is, including control characters. */
export function anyText(text: string): string {
  return text;
}

/** Like csi-driver: splits at each comma and ignores quotes. */
export function lenientSubjectValues(text: string): readonly string[] {
  return text.split(',');
}

/** The names that a certificate can contain. */
export function lenientDnsNames(text: string): readonly string[] {
  return items(text).filter((name) => /^[\x20-\x7e]+$/.test(name) || parses(parseDnsNames, name));
}

/** The valid addresses. */
export function lenientIpAddresses(text: string): readonly string[] {
  return items(text)
    .filter((address) => parses(parseIpAddresses, address))
    .flatMap(parseIpAddresses);
}

/**
 * Includes references without a scheme, such as `/x`: csi-driver accepts what may be in the first line of an HTTP
 * request.
 */
export function lenientUris(text: string): readonly string[] {
  return items(text).flatMap((uri) => {
    if (parses(parseUris, uri)) return parseUris(uri);
    return uri.startsWith('/') ? [uri.replace(/[^\x21-\x7e]/gu, encodeURIComponent)] : [];
  });
}

/** The known usages; undefined if there is none. */
export function lenientKeyUsages(text: string): readonly KeyUsage[] | undefined {
  const wanted = new Set(items(text));
  const known = keyUsages.filter((usage) => wanted.has(usage));
  return known.length === 0 ? undefined : known;
}

/** A name that stays in the directory and that no other file of the volume can have. */
export function lenientFileName(text: string): string | undefined {
  const isSafe = !text.includes('/') && !text.includes('\0') && text !== '.' && !text.startsWith('..');
  return isSafe && Buffer.byteLength(text) <= 255 ? text : undefined;
}

function items(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function parses(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}
