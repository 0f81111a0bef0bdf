/** Label of a CertificateRequest: the hash of the node that created it. */
export const nodeIdHashLabel = 'csi.cert-manager.io/node-id-hash';
/** Label of a CertificateRequest: the hash of its volume. */
export const volumeIdHashLabel = 'csi.cert-manager.io/volume-id-hash';

/** No vowels and no similar digits, so that a hash never spells a word. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1 (multiply, then xor) of 32 bits over the text's UTF-8 bytes. */
function fnv1(text: string): number {
  return Buffer.from(text, 'utf8').reduce((hash, byte) => Math.imul(hash, 0x01000193) ^ byte, 0x811c9dc5) >>> 0;
}

/**
 * A node's or volume's id as a label value. Ids may be longer than a label's 63 characters; the hash finds requests,
 * but does not prove their origin.
 */
export function idHash(id: string): string {
  return String(fnv1(id)).replace(/\d/g, (digit) => alphabet.charAt(digit.charCodeAt(0) % alphabet.length));
}
