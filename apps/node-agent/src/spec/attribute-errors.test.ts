import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parseVolumeSpec } from './parse-volume-spec.ts';
import { acceptedVectors, refusedVectors, withGroup } from './testing/attribute-vectors.ts';

const podInfo = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': 'uid-1',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
};

/** The error message for a volume context; empty if it is accepted. */
function refusal(context: Record<string, string>): string {
  try {
    parseVolumeSpec(
      { ...podInfo, 'csi.cert-manager.io/issuer-name': 'ca', ...context },
      { nodeName: 'node-1', defaultDurationMs: 1, volumeMountGroup: '' },
    );
    return '';
  } catch (error) {
    assert.ok(error instanceof CertfleetError);
    assert.deepEqual([error.code, error.reason, error.retryable], ['invalid-argument', 'InvalidAttributes', false]);
    return error.message;
  }
}

describe('attribute errors', () => {
  test('reports each wrong value with its key, the value and the reason', () => {
    for (const { attributes, problem } of refusedVectors) assert.equal(refusal(withGroup(attributes)), problem);
  });

  test('accepts each right value', () => {
    for (const attributes of acceptedVectors) assert.equal(refusal(withGroup(attributes)), '');
  });

  test("requires a keystore's password if the keystore is enabled", () => {
    assert.equal(
      refusal({ 'csi.cert-manager.io/pkcs12-enable': 'true' }),
      'volumeAttributes.csi.cert-manager.io/pkcs12-password: Required value: ' +
        'a password is required when pkcs12-enable is true; with pkcs12-password-file the node generates one',
    );
  });

  test('rejects a password that Java cannot use, without repeating it', () => {
    for (const password of ['pässword', 'a\0b', 'x'.repeat(1025)]) {
      for (const name of ['pkcs12-password', 'keystore-pkcs12-password']) {
        const message = refusal({
          'csi.cert-manager.io/pkcs12-enable': 'true',
          [`csi.cert-manager.io/${name}`]: password,
        });
        assert.match(
          message,
          new RegExp(`^volumeAttributes.csi.cert-manager.io/${name}: Invalid value: "\\[redacted\\]": must be`),
        );
        assert.ok(!message.includes(password));
      }
    }
  });

  test('rejects two different passwords in the two spellings, without repeating them', () => {
    assert.equal(
      refusal({
        'csi.cert-manager.io/pkcs12-password': 'hunter2',
        'csi.cert-manager.io/keystore-pkcs12-password': 'hunter3',
      }),
      'volumeAttributes.csi.cert-manager.io/pkcs12-password: Invalid value: "[redacted]": ' +
        'csi.cert-manager.io/keystore-pkcs12-password has a different value; set one of the two',
    );
  });

  test('reports every problem at once', () => {
    const message = refusal({
      'csi.cert-manager.io/issuer-name': '',
      'csi.cert-manager.io/duration': 'x',
      'csi.cert-manager.io/fs-group': '0',
      'example.com/bad key': 'v',
    });
    assert.equal(
      message,
      '[volumeAttributes.csi.cert-manager.io/issuer-name: Required value: issuer-name is a required field, ' +
        'volumeAttributes.csi.cert-manager.io/duration: Invalid value: "x": must be a Go duration such as "1h30m", "90s" or "1.5h", ' +
        'volumeAttributes.csi.cert-manager.io/fs-group: Invalid value: "0": must be a group id from 1 to 4294967295, ' +
        'volumeAttributes.example.com/bad key: Invalid value: "example.com/bad key": cannot become an annotation: ' +
        'the name must be 1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends]',
    );
  });

  test('reports no size or encoding problem for an unknown algorithm', () => {
    const message = refusal({
      'csi.cert-manager.io/key-algorithm': 'EC',
      'csi.cert-manager.io/key-size': '256',
      'csi.cert-manager.io/key-encoding': 'PKCS1',
    });
    assert.equal(
      message,
      'volumeAttributes.csi.cert-manager.io/key-algorithm: Invalid value: "EC": must be one of RSA, ECDSA, Ed25519',
    );
  });

  test("requires the pod's info, and an inline volume", () => {
    for (const key of Object.keys(podInfo)) {
      const why = 'the kubelet sets it if the CSIDriver object has podInfoOnMount';
      assert.equal(refusal({ [key]: '' }), `volumeAttributes.${key}: Required value: ${why}`);
      assert.match(
        refusal({ [key]: '../etc' }),
        new RegExp(`^volumeAttributes.${key}: Invalid value: "../etc": must be `),
      );
    }
    assert.equal(
      refusal({ 'csi.storage.k8s.io/ephemeral': 'false' }),
      'volumeAttributes.csi.storage.k8s.io/ephemeral: Invalid value: "false": only ephemeral inline volumes are supported',
    );
  });

  test("applies Kubernetes' rules to annotations", () => {
    assert.equal(refusal({ 'a.example/b_c.D': 'v' }), '');
    assert.match(refusal({ 'a/b/c': 'v' }), /an annotation key has at most one "\/"$/);
    assert.match(refusal({ '/b': 'v' }), /the part before the "\/" must be a DNS subdomain$/);
    assert.match(refusal({ 'a_b/c': 'v' }), /the part before the "\/" must be a DNS subdomain$/);
    assert.match(refusal({ 'a/': 'v' }), /the name must be 1 to 63 letters/);
    assert.match(refusal({ [`a/${'x'.repeat(64)}`]: 'v' }), /the name must be 1 to 63 letters/);
    assert.match(
      refusal({ 'a/b': 'x'.repeat(262_144) }),
      /annotations have 262147 bytes in total, the limit is 262144$/,
    );
  });

  test('keeps its error for hostile input short and printable', () => {
    const context = Object.fromEntries(
      Array.from({ length: 2000 }, (_, index) => [`bad key\n${index}/${'x'.repeat(1000)}`, 'v'.repeat(100)]),
    );
    assert.match(
      refusal(context),
      /^volumeAttributes: Too many: expected at most 512 attributes .*, found 2005 of \d+$/,
    );
    const few = Object.fromEntries(Object.entries(context).slice(0, 500));
    const message = refusal({ ...few, 'csi.cert-manager.io/dns-names': '\u202e'.repeat(100_000) });
    assert.ok(message.length < 40_000, String(message.length));
    assert.ok(!/[\p{Cc}\p{Cf}]/u.test(message));
    assert.match(message, /and \d+ more problems\]$/);
    assert.match(
      refusal({ 'csi.cert-manager.io/dns-names': 'a'.repeat(70_000) }),
      /must be Unicode text of at most 65536/,
    );
    assert.match(refusal({ 'csi.cert-manager.io/common-name': '\ud800' }), /must be Unicode text/);
  });
});
