// The whole package is twice the size of this part, which adds itself to the object.
import forge from 'node-forge/lib/forge.js';
import 'node-forge/lib/pbe.js';
import { readDerChildren } from '@certfleet/shared/der-reader.ts';
import type { KeystoreEncryption } from './pkcs12-encryption.ts';

/**
 * pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 appendix C), which readers of the last twenty years support. node-forge
 * encrypts any DER this way, not only RSA keys; it runs on the event loop.
 */
export function tripleDesEncryption(password: string, iterations: number): KeystoreEncryption {
  return (plain) => {
    const value = forge.asn1.fromDer(plain.toString('latin1'));
    const encrypted = forge.pki.encryptPrivateKeyInfo(value, password, { algorithm: '3des', count: iterations });
    const [algorithm, ciphertext] = readDerChildren(Buffer.from(forge.asn1.toDer(encrypted).getBytes(), 'latin1'));
    if (algorithm === undefined || ciphertext === undefined) throw new Error('node-forge gave no encrypted content');
    return Promise.resolve({ algorithm: algorithm.encoded, ciphertext: ciphertext.content });
  };
}
