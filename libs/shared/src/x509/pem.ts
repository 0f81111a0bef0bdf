import { CertfleetError } from '../errors.ts';

/** One block of a PEM text (RFC 7468): the label of its BEGIN line, and the bytes. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

/** The bytes as one PEM block, lines of 64 characters, with a final newline. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der.buffer, der.byteOffset, der.length)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * The blocks of a PEM text, in order. Text between blocks is explanatory and skipped (RFC 7468 section 2).
 * @throws CertfleetError invalid-argument if a block does not end or is not base64
 */
export function parsePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  const begin = /-----BEGIN ([A-Z0-9 ]{1,64})-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label = match[1] ?? '';
    const endLine = `-----END ${label}-----`;
    const end = text.indexOf(endLine, begin.lastIndex);
    if (end < 0) throw malformed(`block ${blocks.length + 1} (${label}) does not end`);
    const base64 = text.slice(begin.lastIndex, end).replace(/\s+/g, '');
    if (base64 === '' || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
      throw malformed(`block ${blocks.length + 1} (${label}) is not base64`);
    }
    blocks.push({ label, der: Buffer.from(base64, 'base64') });
    begin.lastIndex = end + endLine.length;
  }
  return blocks;
}

function malformed(found: string): CertfleetError {
  return new CertfleetError('invalid-argument', `expected PEM, found that ${found}`);
}
