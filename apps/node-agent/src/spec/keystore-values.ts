import { oneOf } from './scalar-values.ts';
import { checkedText, outerSpace } from './text-rule.ts';
import type { Parser } from './text-rule.ts';
import type { Pkcs12Profile } from './volume-spec.ts';

/** A keystore's password. The message never repeats it. */
export const parsePassword: Parser<string> = checkedText([
  {
    // PKCS#12 uses BMPString passwords for its MAC and UTF-8 for PBES2; Java reads both alike for ASCII only.
    matchesNot: /[\0\u0080-\u{10ffff}]/u,
    why: 'must be ASCII without NUL: Java cannot open a keystore with any other password',
  },
  { maxLength: 1024, why: 'must be at most 1024 characters long' },
]);

/** The alias of an entry in a keystore. ASCII only, because Java and others fold the case of other letters differently. */
export const parseAlias: Parser<string> = checkedText([
  { matches: /^[\x20-\x7e]+$/, why: 'an alias must be printable ASCII' },
  { matchesNot: outerSpace, why: 'an alias must not begin or end with a space' },
  { maxLength: 255, why: 'an alias must be at most 255 characters long' },
]);

/** A key of a Secret's data, by Kubernetes' rule. */
export const parseSecretKey: Parser<string> = checkedText([
  {
    matches: /^[-._a-zA-Z0-9]{1,253}$/,
    why: 'must be a key of a Secret: at most 253 letters, digits, "-", "_" or "."',
  },
]);

/** A profile of PKCS#12 stores, by cert-manager's name in any case, or by an earlier name, which volumes on nodes have. */
export const parseProfile: Parser<Pkcs12Profile> = oneOf(['Modern2023', 'LegacyDES', 'LegacyRC2'], {
  modern: 'Modern2023',
  legacy: 'LegacyDES',
});

/** The alias of the n-th certificate of a CA file, as in the stores of cert-manager's Certificate. */
export function caAlias(index: number): string {
  return index === 0 ? 'ca' : `ca-${index}`;
}

/** Aliases that a certificate of a CA file has or could get. */
export const caAliases = /^ca(?:-\d+)?$/i;
