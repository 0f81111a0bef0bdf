import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { signCertificate } from './certificate-builder.ts';
import { encodeDistinguishedName } from './distinguished-name.ts';
import { encodeKeystore } from './pkcs12.ts';
import type { Keystore } from './pkcs12.ts';
import { encodePrivateKey, generatePrivateKey } from './private-key.ts';
import type { KeyKind } from './private-key.ts';
import { basicConstraintsExtension } from './x509-extensions.ts';

const directory = mkdtempSync(join(tmpdir(), 'certfleet-pkcs12-'));
after(() => rmSync(directory, { recursive: true }));

const hasKeytool = spawnSync('keytool', ['-help']).error === undefined;
const name = (commonName: string): Buffer => encodeDistinguishedName([[{ oid: '2.5.4.3', value: commonName }]]);

function certificate(subject: string, key: KeyObject, issuer: string, issuerKey: KeyObject): string {
  const template = {
    serialNumber: 7n,
    subject: name(subject),
    issuer: name(issuer),
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    extensions: [basicConstraintsExtension(subject !== 'leaf')],
  };
  return signCertificate(template, issuerKey);
}

const caKey = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
const intermediateKey = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
const caPem = certificate('root', caKey, 'root', caKey);
const intermediatePem = certificate('intermediate', intermediateKey, 'root', caKey);
const password = 'correct "horse" %$~';

async function keystore(kind: KeyKind, changes: Partial<Keystore> = {}): Promise<Keystore> {
  const key = await generatePrivateKey(kind);
  const certificatePem = certificate('leaf', key, 'intermediate', intermediateKey) + intermediatePem;
  return { key, certificatePem, caPem, password: new Secret(password), profile: 'modern', ...changes };
}

/** openssl's result: its report on standard error, keys and certificates on standard output. */
function openssl(bytes: Buffer, ...options: string[]): { output: string; report: string; status: number | null } {
  const options12 = ['pkcs12', '-info', '-nodes', '-passin', 'stdin', ...options];
  const file = join(directory, 'openssl.p12');
  writeFileSync(file, bytes);
  const result = spawnSync('openssl', [...options12, '-in', file], { input: `${password}\n`, encoding: 'utf8' });
  return { output: result.stdout, report: result.stderr, status: result.status };
}

function keytool(bytes: Buffer): string {
  const file = join(directory, 'keytool.p12');
  writeFileSync(file, bytes);
  const options = ['-list', '-v', '-storetype', 'PKCS12', '-keystore', file, '-storepass:env', 'STORE_PASSWORD'];
  return execFileSync('keytool', options, { encoding: 'utf8', env: { ...process.env, STORE_PASSWORD: password } });
}

const kinds: readonly KeyKind[] = [
  { algorithm: 'RSA', size: 2048 },
  { algorithm: 'ECDSA', size: 256 },
  { algorithm: 'ECDSA', size: 521 },
  { algorithm: 'Ed25519', size: 256 },
];

describe('encodeKeystore', () => {
  for (const profile of ['modern', 'legacy'] as const) {
    for (const kind of kinds) {
      test(`openssl opens a ${profile} keystore with a ${kind.algorithm} ${kind.size} key, its chain and its CA`, async () => {
        const contents = await keystore(kind, { profile });
        const { output, report, status } = openssl(await encodeKeystore(contents));
        assert.equal(status, 0, report);
        assert.ok(output.includes(encodePrivateKey(contents.key, 'PKCS8').toString()));
        const found = output.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----\n/g)?.join('');
        assert.equal(found, contents.certificatePem + caPem);
        const localKeyId = createHash('sha1').update(new X509Certificate(contents.certificatePem).raw).digest('hex');
        const spaced = localKeyId.toUpperCase().replace(/..(?=.)/g, '$& ');
        assert.equal(output.split(spaced).length, 3, 'only key and leaf have the local key id');
      });

      test(
        `keytool opens a ${profile} keystore with a ${kind.algorithm} ${kind.size} key and builds the chain`,
        { skip: hasKeytool ? false : 'no keytool on this machine' },
        async () => {
          const text = keytool(await encodeKeystore(await keystore(kind, { profile, friendlyName: 'web' })));
          assert.match(text, /Alias name: web\n/);
          assert.match(text, /Entry type: PrivateKeyEntry\n/);
          assert.match(text, /Certificate chain length: 3\n/);
          assert.match(text, /Owner: CN=leaf\n[^]*Owner: CN=intermediate\n[^]*Owner: CN=root\n/);
        },
      );
    }
  }

  test('encrypts the modern profile with AES-256 and authenticates it with SHA-256', async () => {
    const { report } = openssl(await encodeKeystore(await keystore({ algorithm: 'ECDSA', size: 256 })));
    assert.match(report, /MAC: sha256, Iteration 2048/);
    assert.match(
      report,
      /Certificate bag|PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256/,
    );
    assert.match(report, /Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256/);
  });

  test('encrypts the legacy profile with 3DES and authenticates it with SHA-1', async () => {
    const contents = await keystore({ algorithm: 'RSA', size: 2048 }, { profile: 'legacy' });
    const { report } = openssl(await encodeKeystore(contents));
    assert.match(report, /MAC: sha1, Iteration 2048/);
    assert.match(report, /PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048/);
    assert.match(report, /Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048/);
  });

  test('does not open with another password', async () => {
    const contents = await keystore({ algorithm: 'ECDSA', size: 256 }, { password: new Secret('another') });
    const { status, report } = openssl(await encodeKeystore(contents));
    assert.notEqual(status, 0);
    assert.match(report, /invalid password/);
  });

  test('opens with a password longer than a hash block', async () => {
    const long = 'x'.repeat(100);
    const contents = await keystore({ algorithm: 'ECDSA', size: 256 }, { password: new Secret(long) });
    const { status, report } = openssl(await encodeKeystore(contents), '-passin', `pass:${long}`);
    assert.equal(status, 0, report);
  });

  test('writes a CA that is also in the chain once, and none if there is none', async () => {
    const contents = await keystore({ algorithm: 'ECDSA', size: 256 });
    const count = async (changes: Partial<Keystore>): Promise<number> =>
      openssl(await encodeKeystore({ ...contents, ...changes })).output.split('BEGIN CERTIFICATE').length - 1;
    assert.equal(await count({ certificatePem: contents.certificatePem + caPem }), 3);
    assert.equal(await count({ caPem: '' }), 2);
  });

  for (const [why, wrong] of [
    ['with a NUL', 'pass\0word'],
    ['that is empty', ''],
  ] as const) {
    test(`rejects a password ${why} without showing it`, async () => {
      const contents = await keystore({ algorithm: 'ECDSA', size: 256 }, { password: new Secret(wrong) });
      await assert.rejects(encodeKeystore(contents), (error: Error) => wrong === '' || !error.message.includes(wrong));
    });
  }

  test('rejects a keystore without a certificate', async () => {
    const contents = await keystore({ algorithm: 'ECDSA', size: 256 }, { certificatePem: '', caPem: '' });
    await assert.rejects(encodeKeystore(contents), { code: 'invalid-argument' });
  });

  test('openssl opens a legacy keystore whose password is not ASCII, as csi-driver wrote it', async () => {
    for (const algorithm of [
      { algorithm: 'RSA', size: 2048 },
      { algorithm: 'ECDSA', size: 256 },
    ] as const) {
      const bytes = await encodeKeystore(
        await keystore(algorithm, { profile: 'legacy', password: new Secret('pässwörd€') }),
      );
      const file = join(directory, 'umlaut.p12');
      writeFileSync(file, bytes);
      const options = ['pkcs12', '-nodes', '-passin', 'stdin', '-in', file];
      const { status, stderr } = spawnSync('openssl', options, { input: 'pässwörd€\n', encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    }
  });
});
