import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { joinSecrets, splitSecrets } from './secret-attributes.ts';

test('parts passwords, in both spellings, and tokens from what may be shown', () => {
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

test('knows no secret where there is none', () => {
  const { secrets } = splitSecrets({ 'csi.storage.k8s.io/serviceAccount.tokens': '' });
  assert.equal(secrets.keystorePassword, undefined);
  assert.equal(secrets.serviceAccountTokens, undefined);
});

test('gives back the password that the user chose, in the first spelling', () => {
  const { attributes, secrets } = splitSecrets({ 'csi.cert-manager.io/keystore-pkcs12-password': 'hunter2' });
  assert.deepEqual(joinSecrets(attributes, secrets), { 'csi.cert-manager.io/pkcs12-password': 'hunter2' });
  const empty = { 'csi.cert-manager.io/pkcs12-password-file': '' };
  assert.equal(joinSecrets(empty, secrets)['csi.cert-manager.io/pkcs12-password'], 'hunter2');
});

test('makes no attribute of a password that the node made, nor of none', () => {
  const attributes = { 'csi.cert-manager.io/pkcs12-password-file': 'keystore.pass' };
  assert.deepEqual(joinSecrets(attributes, { keystorePassword: new Secret('0123') }), attributes);
  assert.deepEqual(joinSecrets({ a: 'b' }, {}), { a: 'b' });
});

test('keeps no attribute that nobody knows: a mistyped password may lie in it', () => {
  const { attributes, secrets } = splitSecrets({
    'csi.cert-manager.io/issuer-name': 'ca',
    'csi.cert-manager.io/pkcs12-pasword': 'hunter2',
    'example.com/note': 'kept',
  });
  assert.deepEqual(attributes, { 'csi.cert-manager.io/issuer-name': 'ca', 'example.com/note': 'kept' });
  assert.equal(JSON.stringify(secrets).includes('hunter2'), false);
});
