import { colonHex } from './hex.ts';

/** The lines of a serial number (content of an INTEGER): decimal up to 64 bits, octets above. */
export function serialLines(content: Buffer): string[] {
  const value =
    content.length > 9 ? undefined : BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString('hex')}`));
  const isNegative = ((content[0] ?? 0) & 0x80) !== 0;
  const sign = isNegative ? '-' : '';
  // OpenSSL uses -1 internally as the marker for "too large", so it prints -1 as octets.
  if (value !== undefined && value !== -1n && value < 2n ** 63n && value >= -(2n ** 63n)) {
    const size = isNegative ? -value : value;
    return [`        Serial Number: ${sign}${size} (${sign}0x${size.toString(16)})`];
  }
  return ['        Serial Number:', `            ${isNegative ? ' (Negative)' : ''}${colonHex(magnitude(content))}`];
}

/** The octets of the absolute value. */
function magnitude(content: Buffer): Buffer {
  if (((content[0] ?? 0) & 0x80) === 0) return content[0] === 0 ? content.subarray(1) : content;
  let carry = 1;
  const octets = Buffer.from(content.map((octet) => octet ^ 0xff));
  for (let at = octets.length - 1; at >= 0 && carry > 0; at -= 1) {
    const sum = (octets[at] ?? 0) + carry;
    octets[at] = sum & 0xff;
    carry = sum >> 8;
  }
  return octets[0] === 0 ? octets.subarray(1) : octets;
}
