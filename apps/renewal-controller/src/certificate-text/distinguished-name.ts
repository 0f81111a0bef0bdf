import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { shortName } from './object-identifier.ts';
import { harmless } from './hex.ts';

interface Attribute {
  readonly name: string;
  readonly value: DerValue;
}

/** Octets of one character in the kinds of string that names are made of; any other kind is shown as its encoding. */
const characterWidths: ReadonlyMap<number, number> = new Map([
  [0x0c, 0], // UTF8String
  [0x12, 1],
  [0x13, 1], // PrintableString
  [0x14, 1],
  [0x16, 1], // IA5String
  [0x1c, 4], // UniversalString
  [0x1e, 2], // BMPString
]);

/** A Name as `openssl -nameopt oneline` shows it: in the certificate's order, escaped after RFC 2253, quoted where needed. */
export function nameOneLine(name: DerValue): string {
  return attributeSets(name)
    .map((set) => set.map(({ name: type, value }) => `${type} = ${valueText(value)}`).join(' + '))
    .join(', ');
}

const maxSlashForm = 255;

/** A Name in the older form with slashes, in which alternative names are listed; what does not fit 255 characters is left out. */
export function nameWithSlashes(name: DerValue): string {
  let text = '';
  const attributes = attributeSets(name).flatMap((set) =>
    set.map(({ name: type, value }, i) => {
      const characters = Array.from(value.content, slashCharacter).join('');
      return `${i === 0 ? '/' : '+'}${type}=${characters}`;
    }),
  );
  for (const next of attributes) {
    if (text.length + next.length > maxSlashForm) break;
    text += next;
  }
  return text;
}

function slashCharacter(octet: number): string {
  if (octet < 0x20 || octet > 0x7e) return `\\x${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  const character = String.fromCharCode(octet);
  return character === '/' || character === '+' ? `\\${character}` : character;
}

function attributeSets(name: DerValue): Attribute[][] {
  return readDerValues(name.content).map((set) =>
    readDerValues(set.content).map((attribute) => {
      const [type, value] = readDerChildren(attribute.encoded);
      if (type === undefined || value === undefined) throw new Error('expected a type and a value');
      return { name: harmless(shortName(type.content)), value };
    }),
  );
}

function valueText(value: DerValue): string {
  const width = characterWidths.get(value.tag);
  const octets = width === undefined ? undefined : utf8Octets(value.content, width);
  if (octets === undefined) return `#${value.encoded.toString('hex').toUpperCase()}`;
  const last = octets.length - 1;
  const isQuoted = octets.some((octet, i) => needsQuotes(octet, i === 0, i === last));
  const text = Array.from(octets, escaped).join('');
  return isQuoted ? `"${text}"` : text;
}

/** The characters as UTF-8; undefined when their octets do not make any. */
function utf8Octets(content: Buffer, width: number): Buffer | undefined {
  if (width === 0) return content;
  if (content.length % width !== 0) return undefined;
  const characters: string[] = [];
  for (let at = 0; at < content.length; at += width) {
    const code = content.readUIntBE(at, width);
    if (code > 0x10_ff_ff) return undefined;
    characters.push(String.fromCodePoint(code));
  }
  return Buffer.from(characters.join(''));
}

function needsQuotes(octet: number, isFirst: boolean, isLast: boolean): boolean {
  const character = String.fromCharCode(octet);
  if (',+;<>'.includes(character)) return true;
  return (isFirst && ' #'.includes(character)) || (isLast && character === ' ');
}

function escaped(octet: number): string {
  if (octet < 0x20 || octet > 0x7e) return `\\${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  const character = String.fromCharCode(octet);
  return character === '"' || character === '\\' ? `\\${character}` : character;
}
