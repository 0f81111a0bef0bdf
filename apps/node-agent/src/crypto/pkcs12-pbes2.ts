import { createCipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { integer, nullValue, objectIdentifier, octetString, sequence } from './der.ts';
import type { KeystoreEncryption } from './pkcs12-encryption.ts';

const deriveKey = promisify(pbkdf2);

/** PBES2 (RFC 8018 6.2): AES-256-CBC with a key from PBKDF2 with HMAC-SHA256, derived on libuv's threads. */
export function pbes2Encryption(password: string, iterations: number): KeystoreEncryption {
  return async (plain) => {
    const salt = randomBytes(16);
    const iv = randomBytes(16);
    const cipher = createCipheriv('aes-256-cbc', await deriveKey(password, salt, iterations, 32, 'sha256'), iv);
    return {
      algorithm: pbes2Identifier(salt, iterations, iv),
      ciphertext: Buffer.concat([cipher.update(plain), cipher.final()]),
    };
  };
}

function pbes2Identifier(salt: Buffer, iterations: number, iv: Buffer): Buffer {
  const hmacSha256 = sequence(objectIdentifier('1.2.840.113549.2.9'), nullValue);
  const derivation = sequence(
    objectIdentifier('1.2.840.113549.1.5.12'),
    sequence(octetString(salt), integer(iterations), hmacSha256),
  );
  const aes256Cbc = sequence(objectIdentifier('2.16.840.1.101.3.4.1.42'), octetString(iv));
  return sequence(objectIdentifier('1.2.840.113549.1.5.13'), sequence(derivation, aes256Cbc));
}
