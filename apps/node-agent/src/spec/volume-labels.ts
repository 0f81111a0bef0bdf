/** Label of a CertificateRequest: the hash of the node that made it. */
export const nodeIdHashLabel = 'csi.cert-manager.io/node-id-hash';
/** Label of a CertificateRequest: the hash of the volume that it is for. */
export const volumeIdHashLabel = 'csi.cert-manager.io/volume-id-hash';

/** Neither vowels nor look-alike digits, so that a hash never spells a word. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1 (multiply, then xor) of 32 bits over the text's UTF-8 bytes. */
function fnv1(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash, 0x01000193) ^ byte;
  return hash >>> 0;
}

/**
 * A node's or volume's id as the value of its label. Ids may be longer than a label's 63 characters; the hash finds
 * requests, it does not prove whose they are.
 */
export function idHash(id: string): string {
  return Array.from(String(fnv1(id)), (digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('');
}
