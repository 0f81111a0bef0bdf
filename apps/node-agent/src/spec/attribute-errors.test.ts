import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parseVolumeSpec } from './parse-volume-spec.ts';

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
      { defaultDurationMs: 1, volumeMountGroup: '' },
    );
    return '';
  } catch (error) {
    assert.ok(error instanceof CertfleetError);
    assert.deepEqual([error.code, error.reason, error.retryable], ['invalid-argument', 'InvalidAttributes', false]);
    return error.message;
  }
}

const oversized = 'x'.repeat(254);
const duration = 'must be a Go duration such as "1h30m", "90s" or "1.5h"';
const control = 'must not contain control characters, not even a line break at its end';
const usages = 'is not a key usage';
const modes = 'must be octal permission bits with a leading 0, from "0000" to "0777", such as "0400"';
const keystore = { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter2' };

/** Attribute, value, the text after the value, and other attributes. */
const rules: readonly (readonly [name: string, value: string, why: string, others?: Record<string, string>])[] = [
  ['issuer-name', oversized, 'must be at most 253 characters long'],
  ['issuer-kind', 'a\n', control],
  ['issuer-group', 'a\0', control],
  ['common-name', 'a\nb', control],
  ['serialnumber', '\t', control],
  ['literal-subject', 'web', 'expected a distinguished name by RFC 4514 such as "CN=web,O=acme": a part without "="'],
  ['organizations', '"a', 'expected a line of comma separated values: a quote is not closed'],
  ['postalcodes', 'a\nb', 'expected a line of comma separated values: there is more than one line'],
  ['countries', '"a\nb"', 'values must not contain control characters'],
  ['dns-names', 'a,ü.example', '"ü.example" must be ASCII without spaces (use the xn-- form for other letters)'],
  ['dns-names', 'a b', '"a b" must be ASCII without spaces (use the xn-- form for other letters)'],
  ['uri-sans', 'web', '"web" must be a URI with a scheme, such as spiffe://cluster.local/ns/web'],
  ['uri-sans', 'urn:', '"urn:" must not be a scheme alone'],
  ['uri-sans', 'spiffe://', '"spiffe://" must not be a scheme alone'],
  ['uri-sans', 'urn:a\0b', '"urn:a\\u0000b" must not contain control characters'],
  ['uri-sans', 'urn:a%2', '"urn:a%2" must have two hex digits after each "%"'],
  ['uri-sans', 'https://a b/', '"https://a b/" must have a valid host after "//"'],
  ['uri-sans', 'https://a:x/', '"https://a:x/" must have a valid host after "//"'],
  ['ip-sans', '10.0.0.256', '"10.0.0.256" must be an IPv4 or IPv6 address'],
  ['ip-sans', '010.0.0.1', '"010.0.0.1" must be an IPv4 or IPv6 address'],
  ['ip-sans', 'fe80::1%eth0', '"fe80::1%eth0" must be an IPv4 or IPv6 address'],
  ['ip-sans', 'a,::1,b', '"a" must be an IPv4 or IPv6 address; "b" must be an IPv4 or IPv6 address'],
  ['duration', '30d', duration],
  ['duration', '720', duration],
  ['duration', '0s', 'must be greater than 0'],
  ['duration', '-1h', 'must be greater than 0'],
  ['renew-before', 'soon', duration],
  ['is-ca', 'yes', 'must be true or false'],
  ['is-ca', 'True', 'must be true or false'],
  ['reuse-private-key', '1', 'must be true or false'],
  ['key-usages', 'server auth,Client Auth', `"Client Auth" ${usages}, did you mean "client auth"?`],
  ['key-usages', 'frobnicate', `"frobnicate" ${usages}`],
  ['key-usages', ',', 'must name at least one key usage'],
  ['key-algorithm', 'DSA', 'must be one of RSA, ECDSA, Ed25519'],
  ['key-size', '2047', 'must be from 2048 to 8192 for an RSA key'],
  ['key-size', '8193', 'must be from 2048 to 8192 for an RSA key'],
  ['key-size', '256', 'must be from 2048 to 8192 for an RSA key'],
  ['key-size', '2048', 'must be 256, 384 or 521 for an ECDSA key', { 'key-algorithm': 'ECDSA' }],
  ['key-size', '2048.0', 'must be an integer'],
  ['key-size', '0x800', 'must be an integer'],
  ['key-encoding', 'DER', 'must be one of PKCS1, PKCS8'],
  ['key-encoding', 'PKCS1', 'must be PKCS8 for an ECDSA key, PKCS1 is for RSA only', { 'key-algorithm': 'ecdsa' }],
  ['key-encoding', 'pkcs1', 'must be PKCS8 for an Ed25519 key, PKCS1 is for RSA only', { 'key-algorithm': 'ed25519' }],
  ['certificate-file', 'a/b', 'a file name must not contain "/"'],
  ['certificate-file', '/etc/passwd', 'a file name must not contain "/"'],
  ['ca-file', '..', 'a file name must not be "." nor begin with ".."'],
  ['ca-file', '..data', 'a file name must not be "." nor begin with ".."'],
  ['ca-file', '.', 'a file name must not be "." nor begin with ".."'],
  ['privatekey-file', ' key', 'a file name must not begin or end with a space'],
  ['privatekey-file', 'key ', 'a file name must not begin or end with a space'],
  ['privatekey-file', 'a\0b', 'a file name must not contain control characters'],
  ['certificate-file', 'ü'.repeat(128), 'a file name must be at most 255 bytes long'],
  ['pkcs12-filename', '../k', 'a file name must not contain "/"'],
  ['certificate-file', 'ca.crt', 'file names must differ, ca-file is "ca.crt" too'],
  ['privatekey-file', 'tls.crt', 'file names must differ, certificate-file is "tls.crt" too'],
  ['pkcs12-filename', 'tls.key', 'file names must differ, privatekey-file is "tls.key" too', keystore],
  ['combined-pem-file', '..data', 'a file name must not be "." nor begin with ".."'],
  ['combined-pem-file', 'tls.crt', 'file names must differ, certificate-file is "tls.crt" too'],
  ['combined-pem-file', 'keystore.p12', 'file names must differ, pkcs12-filename is "keystore.p12" too', keystore],
  ['pkcs12-password-file', 'a/b', 'a file name must not contain "/"', { 'pkcs12-enable': 'true' }],
  [
    'pkcs12-password-file',
    'keystore.p12',
    'file names must differ, pkcs12-filename is "keystore.p12" too',
    { 'pkcs12-enable': 'true' },
  ],
  ...[keystore, { 'keystore-pkcs12-password': 'hunter2' }].map(
    (others) =>
      [
        'pkcs12-password-file',
        'keystore.pass',
        'excludes pkcs12-password: the node generates the password in this file',
        others,
      ] as const,
  ),
  ['fs-group', '0', 'must be a group id from 1 to 4294967295'],
  ['fs-group', '4294967296', 'must be a group id from 1 to 4294967295'],
  ['fs-group', '-1', 'must be a group id from 1 to 4294967295'],
  ['fs-group', 'staff', 'must be an integer'],
  ['fs-user', '-1', 'must be a user id from 0 to 4294967294'],
  ['fs-user', '4294967295', 'must be a user id from 0 to 4294967294'],
  ['fs-user', 'postgres', 'must be an integer'],
  ...['440', '0x1f', '0888', '01000', '-0400', '0o', 'u=rw'].map((mode) => ['default-mode', mode, modes] as const),
  ['privatekey-mode', '256', modes],
  ['pkcs12-enable', 'on', 'must be true or false'],
  ['keystore-pkcs12-enable', 'on', 'must be true or false'],
  ['pkcs12-profile', 'old', 'must be one of Modern2023, LegacyDES, LegacyRC2'],
  [
    'pkcs12-filename',
    'a.p12',
    'csi.cert-manager.io/keystore-pkcs12-filename has a different value; set one of the two',
    { 'keystore-pkcs12-filename': 'b.p12' },
  ],
];

/** The value as an error shows it: quotes and control characters escaped, truncated after 128 characters. */
function shown(value: string): string {
  if (value.length > 128) return `${value.slice(0, 128)}…`;
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return value.replaceAll('"', '\\"').replace(/[\0\n\t]/g, escape);
}

describe('attribute errors', () => {
  test('reports each wrong value with its key, the value and the reason', () => {
    for (const [name, value, why, others = {}] of rules) {
      const ours = Object.entries({ ...others, [name]: value }).map(([key, text]) => [
        `csi.cert-manager.io/${key}`,
        text,
      ]);
      assert.equal(
        refusal(Object.fromEntries(ours) as Record<string, string>),
        `volumeAttributes.csi.cert-manager.io/${name}: Invalid value: "${shown(value)}": ${why}`,
      );
    }
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
        `volumeAttributes.csi.cert-manager.io/duration: Invalid value: "x": ${duration}, ` +
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
