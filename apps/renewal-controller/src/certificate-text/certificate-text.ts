import { readDerChildren, readDerValues } from '@certfleet/shared/der-reader.ts';
import type { DerValue } from '@certfleet/shared/der-reader.ts';
import { nameOneLine } from './distinguished-name.ts';
import { extensionLines } from './extension-lines.ts';
import { publicKeyLines } from './public-key-text.ts';
import { serialLines } from './serial-number.ts';
import { signatureAlgorithm, signatureLines } from './signature-text.ts';
import { timeText } from './validity-time.ts';

/** A certificate has a few kilobytes; larger input is rejected. */
const maxDerBytes = 128 * 1024;
const maxText = 1024 * 1024;

/**
 * Prints a certificate like `openssl x509 -noout -text -nameopt oneline` of OpenSSL 3.0, with two deliberate
 * differences: control and format characters in names become dots, because the text is shown on terminals, and each part
 * of a distribution point has its own line. Never throws; a field that cannot be decoded is marked in the text.
 */
export function certificateText(der: Buffer): string {
  if (der.length > maxDerBytes) return `Unable to load certificate: larger than ${maxDerBytes} bytes\n`;
  try {
    const [tbs, algorithm, signature] = readDerChildren(der);
    if (tbs === undefined || algorithm === undefined || signature === undefined)
      throw new Error('expected three parts');
    const lines = [
      'Certificate:',
      '    Data:',
      ...dataLines(fieldsOf(readDerChildren(tbs.encoded))),
      ...section('Signature Algorithm', () => closingLines(algorithm, signature)),
    ];
    return `${lines.join('\n').slice(0, maxText)}\n`;
  } catch {
    return 'Unable to load certificate\n';
  }
}

/** TBSCertificate (RFC 5280 4.1.2). */
interface Fields {
  readonly version: DerValue | undefined;
  readonly serial: DerValue;
  readonly algorithm: DerValue;
  readonly issuer: DerValue;
  readonly validity: DerValue;
  readonly subject: DerValue;
  readonly keyInfo: DerValue;
  readonly rest: readonly DerValue[];
}

function fieldsOf(parts: readonly DerValue[]): Fields {
  const version = parts[0]?.tag === 0xa0 ? parts[0] : undefined;
  const [serial, algorithm, issuer, validity, subject, keyInfo, ...rest] =
    version === undefined ? parts : parts.slice(1);
  if (!serial || !algorithm || !issuer || !validity || !subject || !keyInfo) throw new Error('expected six fields');
  return { version, serial, algorithm, issuer, validity, subject, keyInfo, rest };
}

function dataLines({ version, serial, algorithm, issuer, validity, subject, keyInfo, rest }: Fields): string[] {
  return [
    ...section('Version', () => [versionLine(version)]),
    ...section('Serial Number', () => serialLines(serial.content)),
    ...section('Signature Algorithm', () => algorithmLines(algorithm)),
    ...section('Issuer', () => [`        Issuer: ${nameOneLine(issuer)}`]),
    ...section('Validity', () => validityLines(validity)),
    ...section('Subject', () => [`        Subject: ${nameOneLine(subject)}`]),
    ...section('Subject Public Key Info', () => ['        Subject Public Key Info:', ...publicKeyLines(keyInfo)]),
    ...rest.flatMap((part) => section('Extensions', () => trailingLines(part))),
  ];
}

/** One malformed field must not hide the others. */
function section(name: string, lines: () => string[]): string[] {
  try {
    return lines();
  } catch {
    return [`        ${name}: unable to read`];
  }
}

function versionLine(version: DerValue | undefined): string {
  const [number] = version === undefined ? [] : readDerValues(version.content);
  const value = version === undefined ? 0 : (number?.content ?? Buffer.alloc(0)).readIntBE(0, 1);
  return value >= 0 && value <= 2
    ? `        Version: ${value + 1} (0x${value.toString(16)})`
    : `        Version: Unknown (${value})`;
}

function algorithmLines(algorithm: DerValue): string[] {
  const { name, parameters } = signatureAlgorithm(algorithm);
  const gap = parameters.length === 0 ? '' : '        ';
  return [`        Signature Algorithm: ${name}${gap}`, ...parameters];
}

function closingLines(algorithm: DerValue, signature: DerValue): string[] {
  const { name, parameters } = signatureAlgorithm(algorithm);
  const gap = parameters.length === 0 ? '' : '        ';
  const title = [`    Signature Algorithm: ${name}`, `    Signature Value:${gap}`];
  return [...title, ...parameters, ...signatureLines(signature)];
}

function validityLines(validity: DerValue): string[] {
  const [from, to] = readDerChildren(validity.encoded);
  if (from === undefined || to === undefined) throw new Error('expected two times');
  return ['        Validity', `            Not Before: ${timeText(from)}`, `            Not After : ${timeText(to)}`];
}

function trailingLines({ tag, content }: DerValue): string[] {
  if (tag !== 0xa3) return uniqueIdLines(tag === 0x81 ? 'Issuer' : 'Subject', content);
  const [list] = readDerValues(content);
  const extensions = readDerChildren(list?.encoded ?? Buffer.alloc(0));
  if (extensions.length === 0) return [];
  return [
    '        X509v3 extensions:',
    ...extensions.flatMap((one) => section('Extension', () => extensionLines(one))),
  ];
}

function uniqueIdLines(whose: string, content: Buffer): string[] {
  const bits: DerValue = { tag: 0x03, content, encoded: content };
  const [first = '', ...more] = signatureLines(bits).map((line) => `    ${line}`);
  return [`        ${whose} Unique ID: ${first}`, ...more];
}
