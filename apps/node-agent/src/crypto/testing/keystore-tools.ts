import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signCertificate } from '@certfleet/shared/x509/certificate-builder.ts';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { generatePrivateKey } from '../private-key.ts';
import type { KeyKind } from '../private-key.ts';
import { basicConstraintsExtension } from '@certfleet/shared/x509/x509-extensions.ts';

const hour = 3_600_000;
const name = (commonName: string): Buffer => encodeDistinguishedName([[{ oid: '2.5.4.3', value: commonName }]]);

/** A CA, an intermediate CA, and leaves of the latter. */
export class TestHierarchy {
  readonly caPem: string;
  readonly intermediatePem: string;
  readonly #intermediateKey: KeyObject;

  private constructor(caKey: KeyObject, intermediateKey: KeyObject) {
    this.#intermediateKey = intermediateKey;
    this.caPem = certificate({ subject: 'root', issuer: 'root' }, caKey, caKey);
    this.intermediatePem = certificate({ subject: 'intermediate', issuer: 'root' }, intermediateKey, caKey);
  }

  static async create(): Promise<TestHierarchy> {
    const kind: KeyKind = { algorithm: 'ECDSA', size: 256 };
    return new TestHierarchy(await generatePrivateKey(kind), await generatePrivateKey(kind));
  }

  /** A key, its certificate with the intermediate one, and the CA. */
  async issue(kind: KeyKind): Promise<{ key: KeyObject; certificatePem: string; caPem: string }> {
    const key = await generatePrivateKey(kind);
    const leaf = certificate({ subject: 'leaf', issuer: 'intermediate' }, key, this.#intermediateKey);
    return { key, certificatePem: leaf + this.intermediatePem, caPem: this.caPem };
  }
}

function certificate(names: { subject: string; issuer: string }, key: KeyObject, issuerKey: KeyObject): string {
  return signCertificate(
    {
      serialNumber: 7n,
      subject: name(names.subject),
      issuer: name(names.issuer),
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + hour),
      publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
      extensions: [basicConstraintsExtension(names.subject !== 'leaf')],
    },
    issuerKey,
  );
}

/** keytool runs for less than a second: optimising its code and a collector with threads cost more than they save. */
const shortRun = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC'];

/** The reason to skip a test with keytool; false if it is installed. */
export const keytoolMissing = spawnSync('keytool', ['-help']).error !== undefined && 'no keytool on this machine';

/** The output of a program. */
export interface ToolResult {
  readonly status: number | null;
  readonly output: string;
  readonly report: string;
}

/** Opens stores with OpenSSL and with Java's keytool. */
export class KeystoreTools {
  readonly #directory = mkdtempSync(join(tmpdir(), 'certfleet-keystore-'));
  readonly #password: string;

  constructor(password: string) {
    this.#password = password;
  }

  /** `openssl pkcs12`: keys and certificates as its output, what it says about them as its report. */
  openssl(bytes: Buffer, ...options: readonly string[]): ToolResult {
    const common = ['pkcs12', '-info', '-nodes', '-passin', 'stdin', '-in', this.#write(bytes)];
    return run('openssl', [...common, ...options], { input: `${this.#password}\n` });
  }

  /** `keytool`, by default with a list of all entries. */
  keytool(bytes: Buffer, type: 'PKCS12' | 'JKS', command: readonly string[] = ['-list', '-v']): ToolResult {
    const store = ['-storetype', type, '-keystore', this.#write(bytes), '-storepass:env', 'STORE_PASSWORD'];
    return run('keytool', [...shortRun, ...command, ...store], {
      env: { ...process.env, STORE_PASSWORD: this.#password },
    });
  }

  /** Converts a JKS keystore to PKCS#12 with keytool, which reads the private key with its password. */
  convert(bytes: Buffer): Buffer {
    const target = join(this.#directory, 'converted.p12');
    rmSync(target, { force: true });
    const store = ['-srcstoretype', 'JKS', '-srckeystore', this.#write(bytes), '-srcstorepass:env', 'STORE_PASSWORD'];
    const result = ['-deststoretype', 'PKCS12', '-destkeystore', target, '-deststorepass:env', 'STORE_PASSWORD'];
    const env = { ...process.env, STORE_PASSWORD: this.#password };
    const command = [...shortRun, '-importkeystore', '-noprompt', ...store, ...result];
    const { status, output, report } = run('keytool', command, { env });
    if (status !== 0) throw new Error(`${output}${report}`);
    return readFileSync(target);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  #write(bytes: Buffer): string {
    const file = join(this.#directory, 'store');
    writeFileSync(file, bytes);
    return file;
  }
}

function run(
  program: string,
  options: readonly string[],
  { input, env }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv },
): ToolResult {
  const { status, stdout, stderr } = spawnSync(program, options, { encoding: 'utf8', input, env });
  return { status, output: stdout, report: stderr };
}
