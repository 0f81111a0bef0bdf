import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { encodePkcs12Keystore, encodePkcs12Truststore } from './pkcs12.ts';
import type { Pkcs12Keystore } from './pkcs12.ts';
import { encodePrivateKey } from './private-key.ts';
import type { KeyKind } from './private-key.ts';
import { KeystoreTools, keytoolMissing, TestHierarchy } from './testing/keystore-tools.ts';

const password = 'correct "horse" %$~';
const tools = new KeystoreTools(password);
after(() => tools.remove());
const hierarchy = await TestHierarchy.create();

async function keystore(kind: KeyKind, changes: Partial<Pkcs12Keystore> = {}): Promise<Pkcs12Keystore> {
  const issued = await hierarchy.issue(kind);
  return { ...issued, password: new Secret(password), profile: 'Modern2023', alias: undefined, ...changes };
}

const ecdsa: KeyKind = { algorithm: 'ECDSA', size: 256 };
const kinds: readonly KeyKind[] = [
  { algorithm: 'RSA', size: 2048 },
  ecdsa,
  { algorithm: 'ECDSA', size: 521 },
  { algorithm: 'Ed25519', size: 256 },
];

/** What `openssl pkcs12 -info` reports of a keystore's protection. */
const protections = [
  {
    profile: 'Modern2023',
    mac: /MAC: sha256, Iteration 2048/,
    certificates: /PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256/,
    key: /Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256/,
    options: [],
  },
  {
    profile: 'LegacyDES',
    mac: /MAC: sha1, Iteration 2048/,
    certificates: /PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048/,
    key: /Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048/,
    options: [],
  },
  {
    profile: 'LegacyRC2',
    mac: /MAC: sha1, Iteration 2048/,
    certificates: /PKCS7 Encrypted data: pbeWithSHA1And40BitRC2-CBC, Iteration 2048/,
    key: /Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048/,
    options: ['-legacy'],
  },
] as const;

describe('encodePkcs12Keystore', () => {
  for (const { profile, options, mac, certificates, key } of protections) {
    for (const kind of kinds) {
      const what = `a ${profile} keystore with a ${kind.algorithm} ${kind.size} key`;
      test(`openssl opens ${what}, its chain and its CA`, async () => {
        const contents = await keystore(kind, { profile });
        const { output, report, status } = tools.openssl(await encodePkcs12Keystore(contents), ...options);
        assert.equal(status, 0, report);
        assert.ok(output.includes(encodePrivateKey(contents.key, 'PKCS8').toString()));
        const found = output.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----\n/g)?.join('');
        assert.equal(found, contents.certificatePem + contents.caPem);
        const localKeyId = createHash('sha1').update(new X509Certificate(contents.certificatePem).raw).digest('hex');
        const spaced = localKeyId.toUpperCase().replace(/..(?=.)/g, '$& ');
        assert.equal(output.split(spaced).length, 3, 'only key and leaf have the local key id');
      });

      test(`keytool opens ${what} and builds the chain`, { skip: keytoolMissing }, async () => {
        const bytes = await encodePkcs12Keystore(await keystore(kind, { profile, alias: 'web' }));
        const { output } = tools.keytool(bytes, 'PKCS12');
        assert.match(output, /Alias name: web\n/);
        assert.match(output, /Entry type: PrivateKeyEntry\n/);
        assert.match(output, /Certificate chain length: 3\n/);
        assert.match(output, /Owner: CN=leaf\n[^]*Owner: CN=intermediate\n[^]*Owner: CN=root\n/);
      });
    }

    test(`protects a ${profile} keystore with its algorithms`, async () => {
      const { report } = tools.openssl(await encodePkcs12Keystore(await keystore(ecdsa, { profile })), ...options);
      for (const expected of [mac, certificates, key]) assert.match(report, expected);
    });
  }

  test('openssl 3 needs its legacy provider for LegacyRC2 only', async () => {
    const opens = async (profile: Pkcs12Keystore['profile']): Promise<boolean> =>
      tools.openssl(await encodePkcs12Keystore(await keystore(ecdsa, { profile }))).status === 0;
    assert.deepEqual([await opens('LegacyDES'), await opens('LegacyRC2')], [true, false]);
  });

  test('does not open with another password', async () => {
    const contents = await keystore(ecdsa, { password: new Secret('another') });
    const { status, report } = tools.openssl(await encodePkcs12Keystore(contents));
    assert.notEqual(status, 0);
    assert.match(report, /invalid password/);
  });

  test('opens with a password longer than a hash block, in every profile', async () => {
    const long = 'x'.repeat(100);
    for (const { profile, options } of protections) {
      const contents = await keystore(ecdsa, { profile, password: new Secret(long) });
      const { status, report } = tools.openssl(
        await encodePkcs12Keystore(contents),
        ...options,
        '-passin',
        `pass:${long}`,
      );
      assert.equal(status, 0, report);
    }
  });

  test('derives keys correctly for any salt', async () => {
    // A carry beyond a block, and leading zeros, occur for some salts only.
    const contents = await keystore(ecdsa, { profile: 'LegacyDES' });
    for (let round = 0; round < 24; round += 1) {
      const { status, report } = tools.openssl(await encodePkcs12Keystore(contents), '-noout');
      assert.equal(status, 0, report);
    }
  });

  test('writes a CA that is also in the chain once, and none if there is none', async () => {
    const contents = await keystore(ecdsa);
    const count = async (changes: Partial<Pkcs12Keystore>): Promise<number> =>
      tools.openssl(await encodePkcs12Keystore({ ...contents, ...changes })).output.split('BEGIN CERTIFICATE').length -
      1;
    assert.equal(await count({ certificatePem: contents.certificatePem + contents.caPem }), 3);
    assert.equal(await count({ caPem: '' }), 2);
  });

  for (const [why, wrong] of [
    ['with a NUL', 'pass\0word'],
    ['that is empty', ''],
  ] as const) {
    test(`rejects a password ${why} without showing it`, async () => {
      const contents = await keystore(ecdsa, { password: new Secret(wrong) });
      const isHidden = (error: Error): boolean => wrong === '' || !error.message.includes(wrong);
      await assert.rejects(encodePkcs12Keystore(contents), isHidden);
      await assert.rejects(encodePkcs12Truststore(contents), isHidden);
    });
  }

  test('rejects a keystore without a certificate', async () => {
    const contents = await keystore(ecdsa, { certificatePem: '', caPem: '' });
    await assert.rejects(encodePkcs12Keystore(contents), { code: 'invalid-argument' });
  });

  test('openssl opens a legacy keystore whose password is not ASCII, as csi-driver wrote it', async () => {
    const umlauts = 'pässwörd€';
    for (const kind of [kinds[0] ?? ecdsa, ecdsa]) {
      const bytes = await encodePkcs12Keystore(
        await keystore(kind, { profile: 'LegacyDES', password: new Secret(umlauts) }),
      );
      const { status, report } = tools.openssl(bytes, '-passin', `pass:${umlauts}`);
      assert.equal(status, 0, report);
    }
  });
});

describe('encodePkcs12Truststore', () => {
  const truststore = (caPem: string, profile: Pkcs12Keystore['profile'] = 'Modern2023'): Promise<Buffer> =>
    encodePkcs12Truststore({ caPem, profile, password: new Secret(password) });

  for (const { profile, options, mac, certificates } of protections) {
    test(`openssl opens a ${profile} truststore`, async () => {
      const { output, report, status } = tools.openssl(await truststore(hierarchy.caPem, profile), ...options);
      assert.equal(status, 0, report);
      assert.match(report, mac);
      assert.match(report, certificates);
      assert.ok(output.includes(hierarchy.caPem));
      assert.ok(!output.includes('PRIVATE KEY'));
    });

    test(`keytool trusts each certificate of a ${profile} truststore`, { skip: keytoolMissing }, async () => {
      const bytes = await truststore(hierarchy.caPem + hierarchy.intermediatePem + hierarchy.caPem, profile);
      const { output } = tools.keytool(bytes, 'PKCS12');
      assert.match(output, /contains 2 entries/);
      assert.equal(output.match(/Entry type: trustedCertEntry/g)?.length, 2);
      for (const alias of ['ca', 'ca-1']) assert.match(output, new RegExp(`Alias name: ${alias}\n`));
    });
  }

  test('is empty and valid without a CA', { skip: keytoolMissing }, async () => {
    const bytes = await truststore('');
    assert.equal(tools.openssl(bytes).status, 0);
    assert.match(tools.keytool(bytes, 'PKCS12').output, /contains 0 entries/);
  });
});
