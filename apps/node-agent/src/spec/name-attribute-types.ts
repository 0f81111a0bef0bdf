/** Object identifiers of name attributes, in dotted form. */
export const oid = Object.freeze({
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  province: '2.5.4.8',
  streetAddress: '2.5.4.9',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
  postalCode: '2.5.4.17',
});

/**
 * Short names for a literal subject. Those up to UID are RFC 4514's and the ones that cert-manager knows; the others
 * are in common use (RFC 4519, RFC 2985, openssl's spelling).
 */
const oidByShortName: ReadonlyMap<string, string> = new Map([
  ['CN', oid.commonName],
  ['SERIALNUMBER', oid.serialNumber],
  ['C', oid.country],
  ['L', oid.locality],
  ['ST', oid.province],
  ['STREET', oid.streetAddress],
  ['O', oid.organization],
  ['OU', oid.organizationalUnit],
  ['DC', '0.9.2342.19200300.100.1.25'],
  ['UID', '0.9.2342.19200300.100.1.1'],
  ['POSTALCODE', oid.postalCode],
  ['EMAILADDRESS', '1.2.840.113549.1.9.1'],
  ['SN', '2.5.4.4'],
  ['TITLE', '2.5.4.12'],
  ['GN', '2.5.4.42'],
  ['GIVENNAME', '2.5.4.42'],
  ['INITIALS', '2.5.4.43'],
  ['GENERATIONQUALIFIER', '2.5.4.44'],
  ['DNQUALIFIER', '2.5.4.46'],
  ['PSEUDONYM', '2.5.4.65'],
  ['ORGANIZATIONIDENTIFIER', '2.5.4.97'],
]);

// X.660: the first arc is 0, 1 or 2; below 0 and 1 the second is less than 40; no leading zeros.
const dottedOid = /^(?:[01]\.[1-3]?\d|2\.(?:0|[1-9]\d*))(?:\.(?:0|[1-9]\d*))*$/;

/** The object identifier of a short name (any case) or a dotted form; undefined if it is neither. */
export function oidOfAttributeType(type: string): string | undefined {
  if (type.length <= 256 && dottedOid.test(type)) return type;
  return oidByShortName.get(type.toUpperCase());
}
