import { readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { nameOneLine, nameWithSlashes } from '../distinguished-name.ts';
import { harmless } from '../hex.ts';
import { dottedOid, longName } from '../object-identifier.ts';

/** A GeneralName (RFC 5280 4.2.1.6) in a comma-separated list. */
export function generalName(name: DerValue): string {
  return name.tag === 0xa4 ? `DirName:${nameWithSlashes(innerName(name))}` : otherKinds(name);
}

/** A GeneralName on its own line. */
export function generalNameLine(name: DerValue): string {
  return name.tag === 0xa4 ? `DirName:${nameOneLine(innerName(name))}` : otherKinds(name);
}

/** `directoryName` is explicitly tagged, because Name is a CHOICE. */
function innerName(name: DerValue): DerValue {
  const [inner] = readDerValues(name.content);
  if (inner === undefined) throw new Error('expected a name');
  return inner;
}

function otherKinds({ tag, content }: DerValue): string {
  switch (tag) {
    case 0xa0:
      return otherName(content);
    case 0x81:
      return `email:${characters(content)}`;
    case 0x82:
      return `DNS:${characters(content)}`;
    case 0xa3:
      return 'X400Name:<unsupported>';
    case 0xa5:
      return 'EdiPartyName:<unsupported>';
    case 0x86:
      return `URI:${characters(content)}`;
    case 0x87:
      return `IP Address:${ipAddress(content)}`;
    case 0x88:
      return `Registered ID:${longName(content)}`;
    default:
      throw new Error('expected a general name');
  }
}

/** The otherName types that OpenSSL knows. */
const otherNames: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.8.5': 'XmppAddr:',
  '1.3.6.1.5.5.7.8.7': 'SRVName:',
  '1.3.6.1.5.5.7.8.8': 'NAIRealm:',
  '1.3.6.1.5.5.7.8.9': 'SmtpUTF8Mailbox:',
  '1.3.6.1.4.1.311.20.2.3': 'UPN:',
};
const textTags: ReadonlySet<number> = new Set([0x0c, 0x16]);

function otherName(content: Buffer): string {
  const [type, wrapped] = readDerValues(content);
  const [value] = readDerValues(wrapped?.content ?? Buffer.alloc(0));
  if (type === undefined || value === undefined) throw new Error('expected a kind and a value');
  const kind = otherNames[dottedOid(type.content)] ?? `${longName(type.content)}:`;
  return `othername: ${kind}:${textTags.has(value.tag) ? characters(value.content) : '<unsupported>'}`;
}

function characters(content: Buffer): string {
  // OpenSSL prints no names at all if one of them contains a NUL byte.
  if (content.includes(0)) throw new Error('expected text without zeros');
  return harmless(content.toString('utf8'));
}

/** Four or sixteen octets as OpenSSL prints an address, without abbreviation. */
export function ipAddress(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) return `<invalid length=${octets.length}>`;
  const groups = Array.from({ length: 8 }, (_, i) =>
    octets
      .readUInt16BE(i * 2)
      .toString(16)
      .toUpperCase(),
  );
  return groups.join(':');
}
