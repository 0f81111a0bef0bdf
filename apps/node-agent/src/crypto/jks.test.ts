import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { encodeJksKeystore, encodeJksTruststore } from './jks.ts';
import type { JksKeystore } from './jks.ts';
import { encodePrivateKey } from './private-key.ts';
import type { KeyKind } from './private-key.ts';
import { KeystoreTools, keytoolMissing, TestHierarchy } from './testing/keystore-tools.ts';

const password = 'correct "horse" %$~';
const tools = new KeystoreTools(password);
after(() => tools.remove());
const hierarchy = await TestHierarchy.create();
const createdAt = new Date(Date.UTC(2026, 10, 24, 12));

async function keystore(kind: KeyKind, changes: Partial<JksKeystore> = {}): Promise<JksKeystore> {
  const issued = await hierarchy.issue(kind);
  return { ...issued, password: new Secret(password), alias: 'Web', createdAt, ...changes };
}

const ecdsa: KeyKind = { algorithm: 'ECDSA', size: 256 };
const kinds: readonly KeyKind[] = [
  { algorithm: 'RSA', size: 2048 },
  { algorithm: 'RSA', size: 4096 },
  ecdsa,
  { algorithm: 'ECDSA', size: 521 },
  { algorithm: 'Ed25519', size: 256 },
];

describe('encodeJksKeystore', { skip: keytoolMissing }, () => {
  for (const kind of kinds) {
    test(`keytool opens a keystore with a ${kind.algorithm} ${kind.size} key, its chain and its CA`, async () => {
      const { output, status } = tools.keytool(encodeJksKeystore(await keystore(kind)), 'JKS');
      assert.equal(status, 0, output);
      assert.match(output, /contains 2 entries/);
      assert.match(
        output,
        /Alias name: web\nCreation date: (?:Nov 24, 2026|24.Nov.2026)\nEntry type: PrivateKeyEntry\n/,
      );
      assert.match(output, /Certificate chain length: 2\n[^]*Owner: CN=leaf\n[^]*Owner: CN=intermediate\n/);
      assert.match(output, /Alias name: ca\n.*\nEntry type: trustedCertEntry\n\nOwner: CN=root\n/);
    });

    test(`Java decrypts the ${kind.algorithm} ${kind.size} key with the password of the store`, async () => {
      const contents = await keystore(kind);
      const { output, status, report } = tools.openssl(tools.convert(encodeJksKeystore(contents)), '-nocerts');
      assert.equal(status, 0, report);
      assert.ok(output.includes(encodePrivateKey(contents.key, 'PKCS8').toString()));
    });
  }

  test('does not open with another password, or after a change of one bit', async () => {
    const contents = await keystore(ecdsa);
    const other = encodeJksKeystore({ ...contents, password: new Secret('another password') });
    assert.match(tools.keytool(other, 'JKS').output, /password was incorrect/);
    const changed = encodeJksKeystore(contents);
    changed.writeUInt8(changed.readUInt8(60) ^ 1, 60);
    assert.notEqual(tools.keytool(changed, 'JKS').status, 0);
  });

  test('opens with the longest alias and password', async () => {
    const [long, alias] = ['p'.repeat(1024), 'a'.repeat(255)];
    const longTools = new KeystoreTools(long);
    const bytes = encodeJksKeystore(await keystore(ecdsa, { password: new Secret(long), alias }));
    assert.ok(longTools.keytool(bytes, 'JKS').output.includes(`Alias name: ${alias}\n`));
    longTools.remove();
  });

  test('rejects a keystore without a certificate, and an empty password', async () => {
    const contents = await keystore(ecdsa);
    assert.throws(() => encodeJksKeystore({ ...contents, certificatePem: '' }), { code: 'invalid-argument' });
    assert.throws(() => encodeJksKeystore({ ...contents, password: new Secret('') }), { code: 'invalid-argument' });
  });
});

describe('encodeJksTruststore', { skip: keytoolMissing }, () => {
  const truststore = (caPem: string): Buffer =>
    encodeJksTruststore({ caPem, password: new Secret(password), createdAt });

  test('keytool trusts each certificate of the CA file', () => {
    const { output } = tools.keytool(truststore(hierarchy.caPem + hierarchy.intermediatePem), 'JKS');
    assert.equal(output.match(/Entry type: trustedCertEntry/g)?.length, 2);
    for (const alias of ['ca', 'ca-1']) assert.match(output, new RegExp(`Alias name: ${alias}\n`));
  });

  test('is empty and valid without a CA', () => {
    assert.match(tools.keytool(truststore(''), 'JKS').output, /contains 0 entries/);
  });
});
