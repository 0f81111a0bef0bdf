import { createHmac, hash, randomBytes } from 'node:crypto';
import { integer, nullValue, objectIdentifier, octetString, sequence } from './der.ts';

const digests = {
  sha1: { oid: '1.3.14.3.2.26', octets: 20 },
  sha256: { oid: '2.16.840.1.101.3.4.2.1', octets: 32 },
} as const;

/** Iterations of the MAC's key derivation: a chain of single hashes on the event loop, 2 to 6 ms. */
const macIterations = 2048;
const hashBlockOctets = 64;

/** MacData (RFC 7292 section 4): an HMAC over the content with a key derived from the password. */
export function encodeMacData(content: Buffer, password: string, digest: keyof typeof digests): Buffer {
  const salt = randomBytes(digests[digest].octets);
  const mac = createHmac(digest, deriveMacKey(password, salt, digest))
    .update(content)
    .digest();
  const digestInfo = sequence(sequence(objectIdentifier(digests[digest].oid), nullValue), octetString(mac));
  return sequence(digestInfo, octetString(salt), integer(macIterations));
}

/** RFC 7292 appendix B.2 with the diversifier of MAC keys (3). The key is one digest long, so there is one block. */
function deriveMacKey(password: string, salt: Buffer, digest: keyof typeof digests): Buffer {
  const diversifier = Buffer.alloc(hashBlockOctets, 3);
  const secret = Buffer.from(`${password}\0`, 'utf16le').swap16();
  let key = Buffer.concat([diversifier, fillBlocks(salt), fillBlocks(secret)]);
  for (let round = 0; round < macIterations; round += 1) key = hash(digest, key, 'buffer');
  return key;
}

/** The bytes, repeated to fill whole blocks of the hash. */
function fillBlocks(bytes: Buffer): Buffer {
  return Buffer.alloc(Math.ceil(bytes.length / hashBlockOctets) * hashBlockOctets, bytes);
}
