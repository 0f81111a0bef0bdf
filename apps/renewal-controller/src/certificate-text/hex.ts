/** Bytes as pairs of digits with colons between them. */
export function colonHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** As `colonHex`, in capitals, as extensions show identifiers. */
export function capitalHex(bytes: Uint8Array): string {
  return colonHex(bytes).toUpperCase();
}

/** How a dump is laid out: bytes in a line, and what stands before each. */
export interface HexLayout {
  readonly bytesPerLine: number;
  readonly indent: number;
}

/** Lines of colon-separated bytes; all but the last end in a colon. */
export function hexLines(bytes: Uint8Array, { bytesPerLine, indent }: HexLayout): string[] {
  const lines: string[] = [];
  for (let from = 0; from < bytes.length; from += bytesPerLine) {
    const isLast = from + bytesPerLine >= bytes.length;
    const line = colonHex(bytes.subarray(from, from + bytesPerLine));
    lines.push(`${' '.repeat(indent)}${line}${isLast ? '' : ':'}`);
  }
  return lines;
}

/** Bytes as text with a dot for what cannot be printed: how OpenSSL shows an extension that it does not know. */
export function printableBytes(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll(/[^\x20-\x7e\n\r]/g, '.');
}

/** Text of a certificate for a terminal or a page: what would move the cursor, or fake a line, becomes a dot. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '.');
}
