import { execFileSync } from 'node:child_process';

/** Encodes one DER value. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const octets = length < 0x100 ? [0x81, length] : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...octets), content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
export const octets = (...parts: readonly Uint8Array[]): Buffer => der(0x04, ...parts);

/** Encodes an OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const base128 = (value: number): number[] => [
    ...(value >= 0x80 ? base128(Math.floor(value / 0x80)).map((octet) => octet | 0x80) : []),
    value % 0x80,
  ];
  return der(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** Encodes a Name with one attribute per set. */
export function nameOf(...attributes: readonly (readonly [string, Buffer])[]): Buffer {
  return sequence(...attributes.map(([type, value]) => set(sequence(oid(type), value))));
}

export function extension(type: string, value: Uint8Array, isCritical = false): Buffer {
  return sequence(oid(type), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), octets(value));
}

/** The parts of a certificate as DER; every part has a default. */
export interface CertificateParts {
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly subject?: Buffer;
  readonly notBefore?: Buffer;
  readonly notAfter?: Buffer;
  readonly keyInfo?: Buffer;
  /** Encoded after the key: unique ids, extensions. */
  readonly trailing?: readonly Buffer[];
  readonly extensions?: readonly Buffer[];
}

const ed25519 = sequence(oid('1.3.101.112'));
const time = (text: string): Buffer => der(0x17, Buffer.from(text));
const plainKey = sequence(ed25519, der(0x03, Buffer.of(0), Buffer.alloc(32, 7)));

/** A certificate without a valid signature; neither printer verifies it. */
export function buildCertificate(parts: CertificateParts): Buffer {
  const name = nameOf(['2.5.4.3', utf8('plain')]);
  const list = parts.extensions === undefined ? [] : [der(0xa3, sequence(...parts.extensions))];
  const tbs = sequence(
    parts.version ?? der(0xa0, der(0x02, Buffer.of(2))),
    parts.serial ?? der(0x02, Buffer.of(1)),
    ed25519,
    name,
    sequence(parts.notBefore ?? time('260101000000Z'), parts.notAfter ?? time('270101000000Z')),
    parts.subject ?? name,
    parts.keyInfo ?? plainKey,
    ...(parts.trailing ?? []),
    ...list,
  );
  return sequence(tbs, ed25519, der(0x03, Buffer.of(0), Buffer.alloc(64, 9)));
}

/** The text that the openssl command prints for a certificate. */
export function opensslText(certificate: Buffer): string {
  const args = ['x509', '-inform', 'DER', '-noout', '-text', '-nameopt', 'oneline'];
  return execFileSync('openssl', args, { input: certificate, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}
