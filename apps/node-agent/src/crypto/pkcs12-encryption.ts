/** Password-encrypted content: the DER of the AlgorithmIdentifier, and the ciphertext. */
export interface EncryptedContent {
  readonly algorithm: Buffer;
  readonly ciphertext: Buffer;
}

/** Encrypts one part of a keystore with a password that it already has. */
export type KeystoreEncryption = (plain: Buffer) => Promise<EncryptedContent>;
