/** Content encrypted by a password: the AlgorithmIdentifier that says how, in DER, and the ciphertext. */
export interface EncryptedContent {
  readonly algorithm: Buffer;
  readonly ciphertext: Buffer;
}

/** Encrypts one part of a keystore; the password is bound to it already. */
export type KeystoreEncryption = (plain: Buffer) => Promise<EncryptedContent>;
