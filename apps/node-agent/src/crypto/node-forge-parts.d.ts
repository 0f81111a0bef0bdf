// @types/node-forge describes neither the single parts of the package nor RC2.
declare module 'node-forge/lib/forge.js' {
  import type forge from 'node-forge';
  interface BlockCipher {
    start(iv: string): void;
    update(input: forge.util.ByteStringBuffer): void;
    finish(): boolean;
    readonly output: forge.util.ByteStringBuffer;
  }
  const parts: typeof forge & {
    readonly rc2: { createEncryptionCipher(key: string, effectiveBits: number): BlockCipher };
  };
  export default parts;
}
declare module 'node-forge/lib/rc2.js';
