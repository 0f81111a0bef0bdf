import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keyText, lifetimeText, limitText } from './posture-texts.ts';

const posture = { signature: 'x', isCa: false, usages: [] };

describe('the texts of a posture', () => {
  test('name the size or the curve of a key if it is reported', () => {
    assert.equal(keyText({ keyType: 'rsa', posture: { ...posture, keyBits: 2048 } }), 'RSA 2048');
    assert.equal(keyText({ keyType: 'ecdsa', posture: { ...posture, curve: 'P-256' } }), 'ECDSA P-256');
    assert.equal(keyText({ keyType: 'ed25519', posture: { ...posture, curve: 'Ed25519' } }), 'ED25519');
    assert.equal(keyText({ keyType: 'rsa' }), 'RSA');
  });

  test('name the requested lifetime if the issuer granted another one', () => {
    const requested = { ...posture, requestedSeconds: 90 * 86_400 };
    const text = (lifetimeSeconds: number): string =>
      lifetimeText({ keyType: 'rsa', lifetimeSeconds, posture: requested });
    assert.equal(text(90 * 86_400 + 30), '90d');
    assert.equal(text(30 * 86_400), '30d, requested 90d');
    assert.equal(lifetimeText({ keyType: 'rsa', lifetimeSeconds: 3_600 }), '1h');
    assert.equal(lifetimeText({ keyType: 'rsa' }), '');
  });

  test('name what a limit excludes, and leave it to the controller if it is of another release', () => {
    const common = { text: 'the text of the controller', count: 1, link: '/' };
    assert.equal(limitText({ ...common, kind: 'rsa-bits', facts: { bits: 3072 } }), 'RSA keys below 3072 bits');
    assert.equal(limitText({ ...common, kind: 'lifetime', facts: { longest: '720h' } }), 'Lifetimes over 30d');
    assert.equal(limitText({ ...common, kind: 'lifetime', facts: { longest: 'long' } }), 'Lifetimes over long');
    for (const other of [{ kind: 'ca' }, { kind: 'toString', facts: {} }, { kind: 'moon', facts: {} }])
      assert.equal(limitText({ ...common, ...other } as unknown as Parameters<typeof limitText>[0]), common.text);
  });
});
