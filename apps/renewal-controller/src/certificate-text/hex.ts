/** Bytes as colon-separated pairs of lower-case digits. */
export function colonHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Bytes as colon-separated pairs of upper-case digits, as extensions print identifiers. */
export function capitalHex(bytes: Uint8Array): string {
  return colonHex(bytes).toUpperCase();
}

/** Layout of a hex dump: bytes per line, and the indentation of each line. */
export interface HexLayout {
  readonly bytesPerLine: number;
  readonly indent: number;
}

/** Lines of colon-separated bytes; each line except the last ends in a colon. */
export function hexLines(bytes: Uint8Array, { bytesPerLine, indent }: HexLayout): string[] {
  const lines: string[] = [];
  for (let from = 0; from < bytes.length; from += bytesPerLine) {
    const isLast = from + bytesPerLine >= bytes.length;
    const line = colonHex(bytes.subarray(from, from + bytesPerLine));
    lines.push(`${' '.repeat(indent)}${line}${isLast ? '' : ':'}`);
  }
  return lines;
}

/** Bytes as text with a dot for each unprintable byte, as OpenSSL prints an unknown extension. */
export function printableBytes(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll(/[^\x20-\x7e\n\r]/g, '.');
}

/**
 * Text of a certificate, safe for a terminal or a page: characters that control a terminal, the direction of text or lines
 * become dots.
 */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '.');
}
