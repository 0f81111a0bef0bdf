import { keyUsages } from '@certfleet/shared/x509/key-usages.ts';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';
import { isIPv4, isIPv6 } from 'node:net';
import { parseCsvLine } from './csv-line.ts';
import { nearestName } from './nearest-name.ts';
import { quoted } from './attribute-problems.ts';
import { checkedText, controlCharacters, invalidValue, parserOf } from './text-rule.ts';
import type { Parser } from './text-rule.ts';

/** Maximum number of names; each costs time and space in every request. */
export const maxItems = 1_000;
/** Maximum number of wrong items that an error describes. */
const maxItemProblems = 10;

/** Returns a parser for a comma separated list. It trims items, drops empty ones, and reports all problems. */
export function list<Item>(parseItem: Parser<Item>): Parser<readonly Item[]> {
  const parse = (text: string): readonly Item[] => {
    const items: Item[] = [];
    const problems: string[] = [];
    const parts = text.split(',');
    if (parts.length > maxItems) throw invalidValue(`must hold at most ${maxItems} items, found ${parts.length}`);
    for (const item of parts.map((part) => part.trim())) {
      if (item === '' || problems.length >= maxItemProblems) continue;
      try {
        items.push(parseItem(item));
      } catch (error) {
        problems.push(`${quoted(item)} ${(error as Error).message}`);
      }
    }
    if (problems.length > 0) throw invalidValue(problems.join('; '));
    return items;
  };
  return Object.assign(parse, { itemRules: parseItem.rules ?? [] });
}

const usageWords = 'is not a key usage';

const parseUsages = list(
  Object.assign(
    (item: string): KeyUsage => {
      const usage = keyUsages.find((candidate) => candidate === item);
      if (usage !== undefined) return usage;
      const nearest = nearestName(item, keyUsages);
      throw invalidValue(`${usageWords}${nearest === undefined ? '' : `, did you mean "${nearest}"?`}`);
    },
    { rules: [{ matches: new RegExp(`^(?:${keyUsages.join('|')})$`), why: usageWords }] },
  ),
);

/** Usages, each once, in the order in which they are written. */
export const parseKeyUsages: Parser<readonly KeyUsage[]> = Object.assign(
  parserOf([{ matches: /[^,\p{Z}\t-\r\ufeff]/u, why: 'must name at least one key usage' }], (text) => [
    ...new Set(parseUsages(text)),
  ]),
  { itemRules: parseUsages.itemRules ?? [] },
);

/**
 * DNS names as they are encoded in an IA5String. Only what no certificate can contain is refused: some issuers accept
 * an underscore or a long label.
 */
export const parseDnsNames = list(
  checkedText([
    { matches: /^[\x21-\x7e]+$/, why: 'must be ASCII without spaces (use the xn-- form for other letters)' },
    { maxLength: 253, why: 'must be at most 253 characters long' },
  ]),
);

const uriAuthority = /^(?:[\w.~!$&'()*+,;=:%-]*@)?(?:\[[\da-fA-F:.%]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/;

/**
 * URIs (RFC 3986) with a scheme. Characters that a path must not contain are percent-encoded, as Go does when it prints
 * one.
 */
export const parseUris = list(
  parserOf(
    [
      {
        matches: /^[A-Za-z][A-Za-z\d+.-]*:/,
        why: 'must be a URI with a scheme, such as spiffe://cluster.local/ns/web',
      },
      { matchesNot: /^[^:]*:(?:\/\/)?$/, why: 'must not be a scheme alone' },
      { matchesNot: controlCharacters, why: 'must not contain control characters' },
      {
        matchesNot: /%(?:[^\da-fA-F]|[\da-fA-F][^\da-fA-F]|[\da-fA-F]?$)/,
        why: 'must have two hex digits after each "%"',
      },
    ],
    (uri) => {
      const [, scheme = '', authority, rest = ''] = /^([^:]*:)(?:\/\/([^/?#]*))?(.*)$/su.exec(uri) ?? [];
      if (authority !== undefined && !uriAuthority.test(authority))
        throw invalidValue('must have a valid host after "//"');
      const encodedRest = rest.replace(/[^\x21-\x7e]|["<>\\^`{|}]/gu, encodeURIComponent);
      return `${scheme}${authority === undefined ? '' : `//${authority}`}${encodedRest}`;
    },
  ),
);

const addressWords = 'must be an IPv4 or IPv6 address';

/** IP addresses in their shortest form; an IPv4-mapped IPv6 address becomes IPv4, as Go encodes it. */
export const parseIpAddresses = list(
  parserOf(
    [
      {
        matches:
          /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}|[\da-fA-F.]*:[\da-fA-F:.]*)$/,
        why: addressWords,
      },
    ],
    (address) => {
      if (isIPv4(address)) return address;
      if (!isIPv6(address)) throw invalidValue(addressWords);
      const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
      const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(canonical);
      if (mapped === null) return canonical;
      const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
      return [high >> 8, high & 255, low >> 8, low & 255].join('.');
    },
  ),
);

/** The values of one subject attribute: a CSV line with white space kept, as in csi-driver. */
export function parseSubjectValues(text: string): readonly string[] {
  const values = parseCsvLine(text);
  if (values.length > maxItems) throw invalidValue(`must hold at most ${maxItems} values, found ${values.length}`);
  if (values.some((value) => controlCharacters.test(value)))
    throw invalidValue('values must not contain control characters');
  return values;
}
