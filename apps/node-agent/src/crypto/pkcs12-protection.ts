// How a PKCS#12 file is encrypted and authenticated with a password: the profiles of cert-manager's Certificate.
import { createCipheriv, createHmac, hash, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Pkcs12Profile } from '../spec/volume-spec.ts';
import { integer, nullValue, objectIdentifier, octetString, sequence } from '@certfleet/shared/x509/der.ts';

/** Password-encrypted content: the DER of the AlgorithmIdentifier, and the ciphertext. */
export interface EncryptedContent {
  readonly algorithm: Buffer;
  readonly ciphertext: Buffer;
}

type Encrypt = (plain: Buffer, password: string) => Promise<EncryptedContent>;

/** The algorithms of one profile. */
export interface Pkcs12Protection {
  readonly encryptCertificates: Encrypt;
  readonly encryptKey: Encrypt;
  readonly macDigest: keyof typeof digests;
}

/**
 * Iterations of each key derivation, as in OpenSSL and Go. More would not protect anything: the same key is next to the
 * keystore in PEM.
 */
const iterations = 2048;

const digests = {
  sha1: { oid: '1.3.14.3.2.26', octets: 20 },
  sha256: { oid: '2.16.840.1.101.3.4.2.1', octets: 32 },
} as const;

/** Both hashes work on blocks of this size. */
const blockOctets = 64;

/** Purposes of a derived key (RFC 7292 appendix B.3). */
const purpose = { encryption: 1, iv: 2, mac: 3 } as const;

export const pkcs12Protections: Readonly<Record<Pkcs12Profile, Pkcs12Protection>> = Object.freeze({
  Modern2023: { encryptCertificates: encryptWithAes, encryptKey: encryptWithAes, macDigest: 'sha256' },
  LegacyDES: { encryptCertificates: encryptWithTripleDes, encryptKey: encryptWithTripleDes, macDigest: 'sha1' },
  LegacyRC2: { encryptCertificates: encryptWithRc2, encryptKey: encryptWithTripleDes, macDigest: 'sha1' },
});

/** MacData (RFC 7292 section 4): an HMAC over the content with a key derived from the password. */
export function encodeMacData(content: Buffer, password: string, digest: keyof typeof digests): Buffer {
  const { oid, octets } = digests[digest];
  const salt = randomBytes(octets);
  const key = deriveKey(password, { salt, octets, digest, purpose: purpose.mac });
  const mac = createHmac(digest, key).update(content).digest();
  const digestInfo = sequence(sequence(objectIdentifier(oid), nullValue), octetString(mac));
  return sequence(digestInfo, octetString(salt), integer(iterations));
}

const pbkdf2OnThread = promisify(pbkdf2);

/** PBES2 (RFC 8018 6.2): AES-256-CBC with a key from PBKDF2 with HMAC-SHA256, derived on libuv's threads. */
async function encryptWithAes(plain: Buffer, password: string): Promise<EncryptedContent> {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const cipher = createCipheriv('aes-256-cbc', await pbkdf2OnThread(password, salt, iterations, 32, 'sha256'), iv);
  const hmacSha256 = sequence(objectIdentifier('1.2.840.113549.2.9'), nullValue);
  const derivation = sequence(
    objectIdentifier('1.2.840.113549.1.5.12'),
    sequence(octetString(salt), integer(iterations), hmacSha256),
  );
  const aes256Cbc = sequence(objectIdentifier('2.16.840.1.101.3.4.1.42'), octetString(iv));
  return {
    algorithm: sequence(objectIdentifier('1.2.840.113549.1.5.13'), sequence(derivation, aes256Cbc)),
    ciphertext: Buffer.concat([cipher.update(plain), cipher.final()]),
  };
}

/** pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 appendix C), which readers of the last twenty years support. */
function encryptWithTripleDes(plain: Buffer, password: string): Promise<EncryptedContent> {
  const { salt, key, iv } = legacyKey(password, 24);
  const cipher = createCipheriv('des-ede3-cbc', key, iv);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Promise.resolve({ algorithm: legacyIdentifier('1.2.840.113549.1.12.1.3', salt), ciphertext });
}

/**
 * pbeWithSHAAnd40BitRC2-CBC (RFC 7292 appendix C), for readers that know no other. OpenSSL has RC2 in its legacy
 * provider only, which Node does not load, so node-forge encrypts; it is loaded when it is needed.
 */
async function encryptWithRc2(plain: Buffer, password: string): Promise<EncryptedContent> {
  const [{ default: forge }] = await Promise.all([
    import('node-forge/lib/forge.js'),
    import('node-forge/lib/rc2.js'), // Adds itself to the object above.
  ]);
  const { salt, key, iv } = legacyKey(password, 5);
  const cipher = forge.rc2.createEncryptionCipher(key.toString('latin1'), 40);
  cipher.start(iv.toString('latin1'));
  cipher.update(forge.util.createBuffer(plain.toString('latin1')));
  cipher.finish();
  return {
    algorithm: legacyIdentifier('1.2.840.113549.1.12.1.6', salt),
    ciphertext: Buffer.from(cipher.output.getBytes(), 'latin1'),
  };
}

function legacyKey(
  password: string,
  octets: number,
): { readonly salt: Buffer; readonly key: Buffer; readonly iv: Buffer } {
  const salt = randomBytes(8);
  const key = deriveKey(password, { salt, octets, digest: 'sha1', purpose: purpose.encryption });
  return { salt, key, iv: deriveKey(password, { salt, octets: 8, digest: 'sha1', purpose: purpose.iv }) };
}

function legacyIdentifier(oid: string, salt: Buffer): Buffer {
  return sequence(objectIdentifier(oid), sequence(octetString(salt), integer(iterations)));
}

interface Derivation {
  readonly salt: Buffer;
  readonly octets: number;
  readonly digest: keyof typeof digests;
  readonly purpose: (typeof purpose)[keyof typeof purpose];
}

/** RFC 7292 appendix B.2. A chain of single hashes on the event loop, 2 to 6 ms for each digest of output. */
function deriveKey(password: string, { salt, octets, digest, purpose: diversifier }: Derivation): Buffer {
  const secret = Buffer.from(`${password}\0`, 'utf16le').swap16();
  let input: Buffer = Buffer.concat([fillBlocks(salt), fillBlocks(secret)]);
  const derived: Buffer[] = [];
  for (let made = 0; made < octets; made += digests[digest].octets) {
    let block: Buffer = Buffer.concat([Buffer.alloc(blockOctets, diversifier), input]);
    for (let round = 0; round < iterations; round += 1) block = hash(digest, block, 'buffer');
    derived.push(block);
    input = nextInput(input, block);
  }
  return Buffer.concat(derived).subarray(0, octets);
}

/** Step 6 of B.2: adds the last output plus one to each block, as big-endian numbers of the block's size. */
function nextInput(input: Buffer, output: Buffer): Buffer {
  const addend = asNumber(Buffer.alloc(blockOctets, output)) + 1n;
  const blocks = Array.from({ length: input.length / blockOctets }, (_, index) => {
    const start = index * blockOctets;
    const sum = asNumber(input.subarray(start, start + blockOctets)) + addend;
    return Buffer.from(
      BigInt.asUintN(blockOctets * 8, sum)
        .toString(16)
        .padStart(blockOctets * 2, '0'),
      'hex',
    );
  });
  return Buffer.concat(blocks);
}

function asNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** The bytes, repeated to fill whole blocks of the hash. */
function fillBlocks(bytes: Buffer): Buffer {
  return Buffer.alloc(Math.ceil(bytes.length / blockOctets) * blockOctets, bytes);
}
