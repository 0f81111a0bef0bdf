import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { joinSecrets, splitSecrets } from './secret-attributes.ts';

describe('splitSecrets and joinSecrets', () => {
  test('separates passwords, in both spellings, and tokens from metadata', () => {
    const context = {
      'csi.cert-manager.io/issuer-name': 'ca',
      'csi.cert-manager.io/pkcs12-password': '',
      'csi.cert-manager.io/keystore-pkcs12-password': 'hunter2',
      'csi.storage.k8s.io/serviceAccount.tokens': '{"":{"token":"t"}}',
      'example.com/password-policy': 'strict',
    };
    const { attributes, secrets } = splitSecrets(context);
    assert.deepEqual(attributes, {
      'csi.cert-manager.io/issuer-name': 'ca',
      'example.com/password-policy': 'strict',
    });
    assert.equal(secrets.pkcs12Password?.reveal(), 'hunter2');
    assert.equal(secrets.serviceAccountTokens?.reveal(), '{"":{"token":"t"}}');
  });

  test('finds no secret if there is none', () => {
    const { secrets } = splitSecrets({ 'csi.storage.k8s.io/serviceAccount.tokens': '' });
    assert.equal(secrets.pkcs12Password, undefined);
    assert.equal(secrets.serviceAccountTokens, undefined);
  });

  test('restores the password that the user chose, in the first spelling', () => {
    const { attributes, secrets } = splitSecrets({ 'csi.cert-manager.io/keystore-pkcs12-password': 'hunter2' });
    assert.deepEqual(joinSecrets(attributes, secrets), { 'csi.cert-manager.io/pkcs12-password': 'hunter2' });
    const empty = { 'csi.cert-manager.io/pkcs12-password-file': '' };
    assert.equal(joinSecrets(empty, secrets)['csi.cert-manager.io/pkcs12-password'], 'hunter2');
  });

  test('creates no attribute for a generated password or without one', () => {
    const attributes = { 'csi.cert-manager.io/pkcs12-password-file': 'keystore.pass' };
    assert.deepEqual(joinSecrets(attributes, { pkcs12Password: new Secret('0123') }), attributes);
    assert.deepEqual(joinSecrets({ a: 'b' }, {}), { a: 'b' });
  });

  test('drops unknown attributes, which may contain a mistyped password', () => {
    const { attributes, secrets } = splitSecrets({
      'csi.cert-manager.io/issuer-name': 'ca',
      'csi.cert-manager.io/pkcs12-pasword': 'hunter2',
      'example.com/note': 'kept',
    });
    assert.deepEqual(attributes, { 'csi.cert-manager.io/issuer-name': 'ca', 'example.com/note': 'kept' });
    assert.equal(JSON.stringify(secrets).includes('hunter2'), false);
  });

  test('keeps of the Secret only the passwords that attributes name, and gives the parser none of them', () => {
    const context = {
      'csi.cert-manager.io/pkcs12-password': 'from the manifest',
      'csi.cert-manager.io/jks-password-secret-key': 'jks',
    };
    const secretData = { jks: new Secret('from the Secret'), database: new Secret('hunter2') };
    const { attributes, secrets } = splitSecrets(context, secretData);
    assert.deepEqual(attributes, { 'csi.cert-manager.io/jks-password-secret-key': 'jks' });
    assert.equal(secrets.pkcs12Password?.reveal(), 'from the manifest');
    assert.equal(secrets.jksPassword?.reveal(), 'from the Secret');
    const kept = [secrets.pkcs12Password, secrets.jksPassword, secrets.serviceAccountTokens, secrets.pendingKeyPem];
    assert.ok(!kept.some((secret) => secret?.reveal() === 'hunter2'));
    assert.deepEqual(joinSecrets(attributes, secrets), {
      ...attributes,
      'csi.cert-manager.io/pkcs12-password': 'from the manifest',
    });
  });

  test('finds no password in a Secret without the key', () => {
    const context = { 'csi.cert-manager.io/jks-password-secret-key': 'constructor' };
    assert.equal(splitSecrets(context, {}).secrets.jksPassword, undefined);
    assert.equal(splitSecrets(context).secrets.jksPassword, undefined);
  });
});
