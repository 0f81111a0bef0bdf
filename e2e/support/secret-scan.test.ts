import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { findSecrets } from './secret-scan.ts';

const keys = {
  'RSA PKCS1': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }),
  'RSA PKCS8': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  'EC SEC1': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }),
  'EC PKCS8': generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  Ed25519: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
};
const find = (text: string): string[] => findSecrets([{ where: 'log', text }]).map(({ what }) => what);

describe('findSecrets', () => {
  for (const [kind, pem] of Object.entries(keys)) {
    test(`finds a private key (${kind}) in every encoding`, () => {
      assert.notEqual(find(`first line\n${pem}`).length, 0, 'plain');
      assert.notEqual(find(JSON.stringify({ key: pem })).length, 0, 'in JSON');
      for (const before of ['', 'a', 'ab']) {
        assert.notEqual(find(Buffer.from(before + pem).toString('base64')).length, 0, `in Base64 after ${before}`);
      }
      const [, ...body] = pem.trim().split('\n').slice(0, -1);
      if (kind !== 'EC SEC1') assert.notEqual(find(body.join('')).length, 0, 'without its header and footer lines');
    });
  }

  test('finds tokens and known secrets, and reports the location without repeating them', () => {
    const header = Buffer.from('{"alg":"RS256"}').toString('base64url');
    const claims = Buffer.from('{"iss":"kubernetes"}').toString('base64url');
    assert.deepEqual(find(`Bearer ${header}.${claims}.${'s'.repeat(40)}`), ['JSON Web Token']);
    const known = [{ name: 'password', value: 'pass"word' }];
    const found = findSecrets(
      [
        { where: 'a', text: 'x\ny pass"word' },
        { where: 'b', text: JSON.stringify({ p: 'pass"word' }) },
        { where: 'c', text: Buffer.from('pass"word').toString('base64') },
      ],
      known,
    );
    assert.deepEqual(found, [
      { where: 'a', line: 2, what: 'password' },
      { where: 'b', line: 1, what: 'password' },
      { where: 'c', line: 1, what: 'password' },
    ]);
  });

  test('finds nothing in certificates, requests, serial numbers and prose', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const harmless = publicKey.export({ type: 'spki', format: 'pem' });
    assert.deepEqual(find(`${harmless} the private key of a volume; serial 4cdf77c4720d2d801f600753a33839d9`), []);
    assert.deepEqual(find(Buffer.from(harmless).toString('base64')), []);
  });

  test('rejects a secret that is too short for a meaningful search', () => {
    assert.throws(() => findSecrets([], [{ name: 'pin', value: '123' }]), /at least 4/);
  });
});
