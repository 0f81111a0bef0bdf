import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import { quoted } from './attribute-problems.ts';
import { oid } from './name-attribute-types.ts';
import type { DistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';

/**
 * The attributes of a subject in the order of Go's pkix.Name, so that a request equals csi-driver's. All values of one
 * attribute are in one relative distinguished name.
 */
export const subjectAttributes = [
  { type: oid.country, attribute: attributes.countries },
  { type: oid.province, attribute: attributes.provinces },
  { type: oid.locality, attribute: attributes.localities },
  { type: oid.streetAddress, attribute: attributes.streetAddresses },
  { type: oid.postalCode, attribute: attributes.postalCodes },
  { type: oid.organization, attribute: attributes.organizations },
  { type: oid.organizationalUnit, attribute: attributes.organizationalUnits },
  { type: oid.commonName, attribute: attributes.commonName },
  { type: oid.serialNumber, attribute: attributes.serialNumber },
] as const;

/** Values that a certificate can contain but that some issuers refuse or some readers misinterpret. */
function warnOfOddValues(
  reader: AttributeReader,
  attribute: (typeof subjectAttributes)[number]['attribute'],
  values: readonly string[],
): void {
  for (const value of values) {
    if (value === '' || value.trim() !== value) {
      reader.warn(attribute, `${quoted(value)} is empty or has spaces around it, they become part of the subject`);
    }
    if (attribute === attributes.countries && !/^[A-Za-z]{2}$/.test(value)) {
      reader.warn(attribute, `${quoted(value)} is not a two-letter country code, issuers may refuse it`);
    }
    if (attribute === attributes.commonName && value.length > 64) {
      reader.warn(attribute, 'is longer than 64 characters, issuers may refuse it');
    }
  }
}

/** The certificate's subject: the literal one, or the one built from the single attributes. */
export function parseSubject(reader: AttributeReader): DistinguishedName {
  const literal = reader.read(attributes.literalSubject);
  const subject: DistinguishedName[number][] = [];
  const written: string[] = [];
  for (const { type, attribute } of subjectAttributes) {
    const value: string | readonly string[] = reader.read<string | readonly string[] | undefined>(attribute) ?? [];
    const values = typeof value === 'string' ? [value] : value;
    warnOfOddValues(reader, attribute, values);
    if (values.length > 0) subject.push(values.map((item) => ({ oid: type, value: item })));
    if (reader.isSet(attribute)) written.push(attribute.name);
  }
  if (!reader.isSet(attributes.literalSubject)) return subject;
  if (written.length > 0) reader.reject(attributes.literalSubject, `excludes ${written.join(', ')}`);
  return literal ?? [];
}
