import { ia5String, objectIdentifier, printableString, sequence, setOf, utf8String } from './der.ts';

/** One attribute of a distinguished name: its object identifier in dotted form and its value. */
export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
}

/**
 * A distinguished name as in X.501: relative distinguished names in the certificate's order (the reverse of RFC 4514's
 * text), each a set of one or more attributes.
 */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** Attributes of type IA5String: domainComponent (RFC 4519 2.4) and emailAddress (RFC 2985 5.2.1). */
const ia5Attributes: ReadonlySet<string> = new Set(['0.9.2342.19200300.100.1.25', '1.2.840.113549.1.9.1']);

/** The DER of an X.501 Name. Each value gets the narrowest string type that can contain it. */
export function encodeDistinguishedName(name: DistinguishedName): Buffer {
  return sequence(...name.map((relative) => setOf(...relative.map(encodeAttribute))));
}

function encodeAttribute({ oid, value }: NameAttribute): Buffer {
  return sequence(objectIdentifier(oid), encodeValue(oid, value));
}

function encodeValue(oid: string, value: string): Buffer {
  if (ia5Attributes.has(oid) && /^[\x00-\x7f]*$/.test(value)) return ia5String(value);
  // X.680 41.4, which excludes "*", "&", "@" and "_". Go's encoder makes the same choice.
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? printableString(value) : utf8String(value);
}
