/** ASN.1's universal tags of strings, and of OCTET STRING, which is read as UTF-8. */
const utf8Tags: ReadonlySet<number> = new Set([0x04, 0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a]);
const bmpStringTag = 0x1e;

/** The content of one primitive BER value; undefined if its length is indefinite or does not match the bytes. */
function contentOf(bytes: Buffer): Buffer | undefined {
  const first = bytes[1];
  if (first === undefined) return undefined;
  if (first < 0x80) return bytes.length === 2 + first ? bytes.subarray(2) : undefined;
  const lengthBytes = first - 0x80;
  // Four length bytes cover more than any attribute may contain; 0x80 is the indefinite form.
  if (lengthBytes === 0 || lengthBytes > 4 || bytes.length < 2 + lengthBytes) return undefined;
  const content = bytes.subarray(2 + lengthBytes);
  return bytes.readUIntBE(2, lengthBytes) === content.length ? content : undefined;
}

/** Decodes a BER string given in hex digits (RFC 4514's `#` form); undefined if it is not one. */
export function decodeBerString(hex: string): string | undefined {
  if (!/^(?:[0-9a-f]{2})+$/i.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  const content = contentOf(bytes);
  const tag = bytes[0];
  if (content === undefined || tag === undefined) return undefined;
  if (tag !== bmpStringTag && !utf8Tags.has(tag)) return undefined;
  try {
    const encoding = tag === bmpStringTag ? 'utf-16be' : 'utf-8';
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}
