import { objectNames } from './object-names.ts';

/** More than any identifier in use has; arithmetic over hostile ones must stay cheap. */
const maxBytes = 128;

/** The content of an OBJECT IDENTIFIER in dotted form. */
export function dottedOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > maxBytes) return '<INVALID>';
  const parts: bigint[] = [];
  let value = 0n;
  for (const octet of content) {
    value = (value << 7n) | BigInt(octet & 0x7f);
    if ((octet & 0x80) !== 0) continue;
    parts.push(value);
    value = 0n;
  }
  if (((content.at(-1) ?? 0) & 0x80) !== 0) return '<INVALID>';
  const [first = 0n, ...rest] = parts;
  const root = first < 40n ? 0n : first < 80n ? 1n : 2n;
  return [root, first - root * 40n, ...rest].join('.');
}

/** OpenSSL's long name of an identifier, or its dotted form. */
export function longName(content: Uint8Array): string {
  const dotted = dottedOid(content);
  const [short, long = short] = objectNames.get(dotted) ?? [dotted];
  return long;
}

/** OpenSSL's short name, as in distinguished names, or the dotted form. */
export function shortName(content: Uint8Array): string {
  const dotted = dottedOid(content);
  return objectNames.get(dotted)?.[0] ?? dotted;
}
