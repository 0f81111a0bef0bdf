import { CertfleetError } from '@certfleet/shared/errors.ts';
import { decodeBerString } from './ber-string.ts';
import { oidOfAttributeType } from './name-attribute-types.ts';
import type { DistinguishedName, NameAttribute } from '@certfleet/shared/x509/distinguished-name.ts';

function malformed(why: string): CertfleetError {
  return new CertfleetError(
    'invalid-argument',
    `expected a distinguished name by RFC 4514 such as "CN=web,O=acme": ${why}`,
  );
}

/** Splits at unescaped separators. */
function splitUnescaped(text: string, separators: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (let position = 0; position < text.length; position += 1) {
    if (text[position] === '\\') position += 1;
    else if (separators.includes(text.charAt(position))) {
      pieces.push(text.slice(start, position));
      start = position + 1;
    }
  }
  return [...pieces, text.slice(start)];
}

/** Removes unescaped spaces around a type or value. */
function trimSpaces(text: string): string {
  let end = 0;
  for (let position = 0; position < text.length; position += 1) {
    if (text[position] === '\\') position += 1;
    else if (text[position] === ' ') continue;
    end = position + 1;
  }
  return text.slice(0, end).replace(/^ +/, '');
}

const special = ' "#+,;<=>\\';

/** Removes escapes: a backslash before a special character or before two hex digits, which are bytes of UTF-8. */
function unescape(text: string): string {
  const bytes: Buffer[] = [];
  let plainFrom = 0;
  for (let slash = text.indexOf('\\'); slash !== -1; slash = text.indexOf('\\', plainFrom)) {
    bytes.push(Buffer.from(text.slice(plainFrom, slash), 'utf8'));
    const pair = text.slice(slash + 1, slash + 3);
    if (/^[0-9a-f]{2}$/i.test(pair)) {
      bytes.push(Buffer.from(pair, 'hex'));
      plainFrom = slash + 3;
    } else if (pair !== '' && special.includes(pair.charAt(0))) {
      bytes.push(Buffer.from(pair.charAt(0), 'utf8'));
      plainFrom = slash + 2;
    } else {
      throw malformed('a backslash must be followed by a special character or two hex digits');
    }
  }
  bytes.push(Buffer.from(text.slice(plainFrom), 'utf8'));
  return decodeUtf8(Buffer.concat(bytes));
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('hex pairs must be UTF-8');
  }
}

function parseValue(text: string): string {
  const trimmed = trimSpaces(text);
  const value = trimmed.startsWith('#') ? decodeBerString(trimmed.slice(1)) : unescape(trimmed);
  if (value === undefined) throw malformed('the value after "#" must be a string in BER, in hex digits');
  if (/\p{Cc}/u.test(value)) throw malformed('a value must not contain control characters');
  return value;
}

function parseAttribute(text: string): NameAttribute {
  const equals = text.indexOf('=');
  if (equals === -1) throw malformed('a part without "="');
  const type = trimSpaces(text.slice(0, equals));
  const oid = oidOfAttributeType(type);
  if (oid === undefined) throw malformed('an attribute type must be a known short name or a dotted object identifier');
  return { oid, value: parseValue(text.slice(equals + 1)) };
}

/**
 * Parses a distinguished name in the text form of RFC 4514 into the certificate's order (the text's last part first).
 * Like cert-manager, it accepts `;` as a separator, and a double quote is an ordinary character.
 * @throws CertfleetError invalid-argument that explains what is wrong with the text
 */
export function parseLiteralSubject(text: string): DistinguishedName {
  if (text.trim() === '') return [];
  return splitUnescaped(text, ',;')
    .reverse()
    .map((rdn) => splitUnescaped(rdn, '+').map(parseAttribute));
}
