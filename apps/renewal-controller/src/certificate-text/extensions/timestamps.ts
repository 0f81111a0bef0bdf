import { readDerValues } from '@certfleet/shared/der-reader.ts';
import { capitalHex } from '../hex.ts';
import { timeText } from '../validity-time.ts';

/** SignedCertificateTimestampList (RFC 6962 3.3), as embedded by public CAs. */
export function signedTimestamps(value: Buffer): string[] {
  const [list] = readDerValues(value);
  if (list?.tag !== 0x04) throw new Error('expected octets');
  return vectors(list.content.subarray(2), list.content.readUInt16BE(0)).flatMap(timestampLines);
}

/** Consecutive byte strings, each prefixed by its length in two octets. */
function vectors(bytes: Buffer, length: number): Buffer[] {
  if (bytes.length !== length) throw new Error('expected a list that fills its octets');
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) throw new Error('expected an entry, found the end');
    found.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return found;
}

const signatureAlgorithms: Readonly<Record<string, string>> = {
  '04:03': 'ecdsa-with-SHA256',
  '04:01': 'sha256WithRSAEncryption',
};

function timestampLines(timestamp: Buffer): string[] {
  if (timestamp[0] !== 0) throw new Error('expected version 1');
  const extensionsLength = timestamp.readUInt16BE(41);
  const extensions = timestamp.subarray(43, 43 + extensionsLength);
  const rest = timestamp.subarray(43 + extensionsLength);
  const algorithm = capitalHex(rest.subarray(0, 2));
  const signature = rest.subarray(4, 4 + rest.readUInt16BE(2));
  return [
    'Signed Certificate Timestamp:',
    '    Version   : v1 (0x0)',
    ...field('Log ID    ', timestamp.subarray(1, 33)),
    `    Timestamp : ${timeOf(timestamp.readBigUInt64BE(33))}`,
    ...(extensions.length === 0 ? ['    Extensions: none'] : field('Extensions', extensions)),
    `    Signature : ${signatureAlgorithms[algorithm] ?? algorithm.replace(':', '')}`,
    ...dump(signature),
  ];
}

function field(label: string, bytes: Buffer): string[] {
  const [first = '', ...more] = dump(bytes);
  return [`    ${label}: ${first.trimStart()}`, ...more];
}

function dump(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const colon = at + 16 < bytes.length ? ':' : '';
    lines.push(`                ${capitalHex(bytes.subarray(at, at + 16))}${colon}`);
  }
  return lines;
}

function timeOf(milliseconds: bigint): string {
  // Dates after the year 9999 cannot be printed.
  if (milliseconds > 253_402_300_799_999n) return 'Bad time value';
  const time = new Date(Number(milliseconds)).toISOString().replaceAll(/[-:T]/g, '');
  const content = Buffer.from(time);
  return timeText({ tag: 0x18, content, encoded: content });
}
