import { invalidValue, oneOf } from './scalar-values.ts';
import type { Pkcs12Profile } from './volume-spec.ts';

/** A keystore's password. The message never repeats it. */
export function parsePassword(text: string): string {
  // PKCS#12 uses BMPString passwords for its MAC and UTF-8 for PBES2; Java reads both alike for ASCII only.
  if (!/^[\p{ASCII}]*$/u.test(text) || text.includes('\0')) {
    throw invalidValue('must be ASCII without NUL: Java cannot open a keystore with any other password');
  }
  if (text.length > 1024) throw invalidValue('must be at most 1024 characters long');
  return text;
}

/** The alias of an entry in a keystore. ASCII only, because Java and others fold the case of other letters differently. */
export function parseAlias(text: string): string {
  if (!/^[\x20-\x7e]+$/.test(text)) throw invalidValue('an alias must be printable ASCII');
  if (text.trim() !== text) throw invalidValue('an alias must not begin or end with a space');
  if (text.length > 255) throw invalidValue('an alias must be at most 255 characters long');
  return text;
}

/** A key of a Secret's data, by Kubernetes' rule. */
export function parseSecretKey(text: string): string {
  if (/^[-._a-zA-Z0-9]{1,253}$/.test(text)) return text;
  throw invalidValue('must be a key of a Secret: at most 253 letters, digits, "-", "_" or "."');
}

const profiles = ['Modern2023', 'LegacyDES', 'LegacyRC2'] as const satisfies readonly Pkcs12Profile[];
/** The names before those of cert-manager were used; volumes on nodes have them. */
const earlierProfiles: Readonly<Record<string, Pkcs12Profile>> = { modern: 'Modern2023', legacy: 'LegacyDES' };

/** A profile of PKCS#12 stores, by cert-manager's name in any case. */
export function parseProfile(text: string): Pkcs12Profile {
  const name = text.toLowerCase();
  const earlier = Object.hasOwn(earlierProfiles, name) ? earlierProfiles[name] : undefined;
  return earlier ?? oneOf(profiles)(text);
}

/** The alias of the n-th certificate of a CA file, as in the stores of cert-manager's Certificate. */
export function caAlias(index: number): string {
  return index === 0 ? 'ca' : `ca-${index}`;
}

/** Whether a certificate of a CA file has or could get this alias. */
export function isCaAlias(alias: string): boolean {
  return /^ca(?:-\d+)?$/i.test(alias);
}
