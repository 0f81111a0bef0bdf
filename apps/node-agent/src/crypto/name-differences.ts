import { isIPv6 } from 'node:net';
import type { DistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import type { SubjectAltNames } from '@certfleet/shared/x509/x509-extensions.ts';

/** The names of a request: its alternative names and its subject. */
export interface RequestedNames extends SubjectAltNames {
  readonly subject: DistinguishedName;
}

/** The names of a certificate, with its subject as RFC 4514 text. */
export interface IssuedNames extends SubjectAltNames {
  readonly subject: string;
}

/** Names by which a certificate differs from its request, each with its kind, such as `DNS:web.shop.svc`. */
export interface NameDifferences {
  readonly missing: readonly string[];
  readonly added: readonly string[];
}

const commonNameOid = '2.5.4.3';

/** A name with its normalised value, by which it is compared, and its text for reports. */
interface Name {
  readonly kind: 'DNS' | 'IP' | 'URI' | 'CN';
  readonly value: string;
  readonly text: string;
}

/**
 * Compares the names that TLS peers verify. An issuer may omit a common name that is an alternative name too, or copy
 * one to the other: that is no difference. An alternative name that is only in the common name is missing, because TLS
 * peers ignore the common name. Other fields of the subject, and kinds of alternative names that a volume cannot
 * request, are not compared.
 */
export function nameDifferences(requested: RequestedNames, issued: IssuedNames): NameDifferences {
  const wanted = [...alternativeNames(requested), ...commonNames(requestedCommonNames(requested))];
  const found = [...alternativeNames(issued), ...commonNames(issuedCommonNames(issued.subject))];
  return {
    missing: wanted.filter((name) => !found.some((other) => satisfies(other, name))).map(({ text }) => text),
    added: found.filter((name) => !wanted.some((other) => other.value === name.value)).map(({ text }) => text),
  };
}

function satisfies(found: Name, wanted: Name): boolean {
  return found.value === wanted.value && (found.kind === wanted.kind || wanted.kind === 'CN');
}

function alternativeNames({ dnsNames, ipAddresses, uris }: SubjectAltNames): Name[] {
  return [
    ...dnsNames.map((text): Name => ({ kind: 'DNS', value: text.toLowerCase(), text: `DNS:${text}` })),
    ...ipAddresses.map((text): Name => ({ kind: 'IP', value: canonicalAddress(text), text: `IP:${text}` })),
    ...uris.map((text): Name => ({ kind: 'URI', value: text, text: `URI:${text}` })),
  ];
}

function commonNames(names: readonly string[]): Name[] {
  return names
    .filter((name) => name !== '')
    .map((name) => ({
      kind: 'CN',
      value: canonicalAddress(isUri(name) ? name : name.toLowerCase()),
      text: `CN:${name}`,
    }));
}

function requestedCommonNames({ subject }: RequestedNames): string[] {
  return subject.flat().flatMap(({ oid, value }) => (oid === commonNameOid ? [value] : []));
}

/** The values of CN in RFC 4514 text, without its escapes. An escaped separator is part of a value. */
function issuedCommonNames(subject: string): string[] {
  return Array.from(subject.matchAll(/(?:\\[^]|[^,+\\])+/g), ([attribute]) => attribute.trim())
    .filter((attribute) => attribute.startsWith('CN='))
    .map((attribute) => attribute.slice('CN='.length).replaceAll(/\\([^])/g, '$1'));
}

const isUri = (name: string): boolean => name.includes('://');

/** IPv6 addresses have several texts; the URL parser writes the one of RFC 5952. */
function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
