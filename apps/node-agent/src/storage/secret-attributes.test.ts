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
    assert.equal(secrets.keystorePassword?.reveal(), 'hunter2');
    assert.equal(secrets.serviceAccountTokens?.reveal(), '{"":{"token":"t"}}');
  });

  test('finds no secret if there is none', () => {
    const { secrets } = splitSecrets({ 'csi.storage.k8s.io/serviceAccount.tokens': '' });
    assert.equal(secrets.keystorePassword, undefined);
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
    assert.deepEqual(joinSecrets(attributes, { keystorePassword: new Secret('0123') }), attributes);
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
});
