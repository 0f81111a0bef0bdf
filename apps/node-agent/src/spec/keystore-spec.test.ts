import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { parseVolumeSpec } from './parse-volume-spec.ts';
import type { VolumeSpec } from './volume-spec.ts';

const prefix = 'csi.cert-manager.io/';
const base = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': 'uid-1',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
  [`${prefix}issuer-name`]: 'ca',
  [`${prefix}common-name`]: 'web',
};
const hunter2 = { password: new Secret('hunter2') };

interface Parsing {
  readonly secretData?: Readonly<Record<string, Secret>>;
  readonly lenient?: boolean;
  readonly strictAttributes?: boolean;
}

function parse(ours: Readonly<Record<string, string>>, parsing: Parsing = {}): VolumeSpec {
  const named = Object.entries(ours).map(([name, value]) => [`${prefix}${name}`, value] as const);
  const context = { ...base, ...Object.fromEntries(named) };
  return parseVolumeSpec(context, { defaultDurationMs: 1, volumeMountGroup: '', ...parsing });
}

/** The message of the error without the group, or of the warnings; empty if there are none. */
function problem(ours: Readonly<Record<string, string>>, parsing: Parsing = {}): string {
  const short = (text: string): string => text.replaceAll(prefix, '').replaceAll('volumeAttributes.', '');
  try {
    return short(parse(ours, parsing).warnings.join('\n'));
  } catch (error) {
    assert.ok(error instanceof CertfleetError);
    return short(error.message);
  }
}

const chosen = { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter2' };
const jks = { 'jks-enable': 'true', 'jks-password': 'hunter2' };
const fromSecret = { 'jks-enable': 'true', 'jks-password-secret-key': 'password' };

describe('parseKeystores', () => {
  test('reads a PKCS#12 keystore in either spelling', () => {
    const spellings = [
      { 'pkcs12-enable': 'true', 'pkcs12-filename': 'k.p12', 'pkcs12-password': 'hunter2' },
      { 'keystore-pkcs12-enable': 'true', 'keystore-pkcs12-filename': 'k.p12', 'keystore-pkcs12-password': 'hunter2' },
      { ...chosen, 'keystore-pkcs12-enable': 'true', 'pkcs12-filename': 'k.p12' },
    ];
    for (const spelling of spellings) {
      const { pkcs12 } = parse(spelling);
      assert.deepEqual(pkcs12, {
        keystoreFile: 'k.p12',
        truststoreFile: undefined,
        passwordFile: undefined,
        alias: undefined,
        profile: 'Modern2023',
      });
    }
  });

  test("reads the profiles by cert-manager's names, in any case, and by their earlier names", () => {
    const names = {
      Modern2023: 'Modern2023',
      LEGACYDES: 'LegacyDES',
      legacyrc2: 'LegacyRC2',
      modern: 'Modern2023',
      Legacy: 'LegacyDES',
    };
    for (const [name, profile] of Object.entries(names)) {
      assert.equal(parse({ ...chosen, 'pkcs12-profile': name }).pkcs12?.profile, profile);
    }
    assert.equal(
      parse({ ...chosen, 'key-algorithm': 'ECDSA', 'pkcs12-profile': 'LegacyRC2' }).pkcs12 === undefined,
      false,
    );
  });

  test('reads keystores, truststores and aliases of both formats', () => {
    const both = {
      ...{ ...chosen, 'pkcs12-truststore-enable': 'true', 'pkcs12-alias': 'Web server' },
      ...{ 'jks-enable': 'true', 'jks-truststore-enable': 'true', 'jks-password-file': 'jks.pass' },
    };
    const { pkcs12, jks: jksSpec } = parse(both);
    assert.deepEqual(
      [pkcs12?.keystoreFile, pkcs12?.truststoreFile, pkcs12?.alias],
      ['keystore.p12', 'truststore.p12', 'Web server'],
    );
    assert.deepEqual(jksSpec, {
      keystoreFile: 'keystore.jks',
      truststoreFile: 'truststore.jks',
      passwordFile: 'jks.pass',
      alias: 'certificate',
    });
  });

  test('reads a truststore without a keystore, which needs a password as well', () => {
    const truststore = { 'jks-truststore-enable': 'true', 'jks-truststore-filename': 'cacerts' };
    const { jks: spec } = parse({ ...truststore, 'jks-password': 'changeit' });
    assert.deepEqual([spec?.keystoreFile, spec?.truststoreFile], [undefined, 'cacerts']);
    assert.equal(
      problem(truststore),
      'jks-password: Required value: a password is required when jks-truststore-enable is true; ' +
        'with jks-password-file the node generates one',
    );
  });

  test('accepts a password from the Secret, and no other source with it', () => {
    assert.equal(problem(fromSecret, { secretData: hunter2 }), '');
    assert.ok(!JSON.stringify(parse(fromSecret, { secretData: hunter2 })).includes('hunter2'));
    assert.equal(
      problem({ ...fromSecret, 'jks-password-file': 'x' }, { secretData: hunter2 }),
      'jks-password-secret-key: Invalid value: "password": excludes jks-password-file: the Secret has the password',
    );
    assert.match(
      problem({ ...fromSecret, ...jks, 'jks-password-file': 'x' }, { secretData: hunter2 }),
      /jks-password-file.*: excludes jks-password: the node .*jks-password-secret-key.*: excludes jks-password: the Secret/,
    );
  });

  const wrongSecrets: readonly (readonly [Readonly<Record<string, Secret>> | undefined, string])[] = [
    [
      undefined,
      "the volume has no Secret with data: set nodePublishSecretRef to a Secret of the pod's namespace that contains it",
    ],
    [{ passwort: new Secret('hunter2') }, 'the Secret of nodePublishSecretRef has no such key, or it is empty'],
    [{ password: new Secret('') }, 'the Secret of nodePublishSecretRef has no such key, or it is empty'],
    [
      { password: new Secret('hünter2') },
      'the password in the Secret must be ASCII without NUL: Java cannot open a keystore with any other password',
    ],
  ];
  for (const [secretData, why] of wrongSecrets) {
    test(`refuses a new volume whose Secret is of no use: ${why}`, () => {
      const message = problem(fromSecret, secretData === undefined ? {} : { secretData });
      assert.equal(message, `jks-password-secret-key: Invalid value: "password": ${why}`);
    });
  }

  test('ignores inherited properties of the Secret', () => {
    assert.match(
      problem({ ...fromSecret, 'jks-password-secret-key': 'constructor' }, { secretData: hunter2 }),
      /no such key/,
    );
  });

  test('warns of a password in the Secret that ends with a line break', () => {
    const secretData = { password: new Secret('hunter2\n') };
    assert.equal(
      problem(fromSecret, { secretData }),
      'jks-password-secret-key: the password in the Secret ends with a line break, which is part of the password',
    );
  });

  test('does not need the Secret of an existing volume', () => {
    assert.equal(problem(fromSecret, { lenient: true }), '');
    assert.equal(parse(fromSecret, { lenient: true }).jks?.keystoreFile, 'keystore.jks');
  });

  const wrong: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [
      { ...fromSecret, 'jks-password-secret-key': 'a/b' },
      'must be a key of a Secret: at most 253 letters, digits, "-", "_" or "."',
    ],
    [{ ...jks, 'jks-alias': 'wéb' }, 'an alias must be printable ASCII'],
    [{ ...jks, 'jks-alias': ' web' }, 'an alias must not begin or end with a space'],
    [{ ...jks, 'jks-alias': 'x'.repeat(256) }, 'an alias must be at most 255 characters long'],
    [{ ...jks, 'jks-alias': 'CA' }, 'is an alias of the CA in the same keystore'],
    [{ ...jks, 'jks-alias': 'ca-12' }, 'is an alias of the CA in the same keystore'],
    [{ ...jks, 'jks-password': 'hünter2' }, '"[redacted]": must be ASCII without NUL'],
    [{ ...jks, 'jks-filename': 'tls.key' }, 'file names must differ, privatekey-file is "tls.key" too'],
    [
      { ...jks, 'jks-truststore-enable': 'true', 'jks-truststore-filename': 'keystore.jks' },
      'file names must differ, jks-filename is "keystore.jks" too',
    ],
    [
      { ...jks, ...chosen, 'jks-filename': 'keystore.p12' },
      'file names must differ, pkcs12-filename is "keystore.p12" too',
    ],
  ];
  test('reports each wrong value', () => {
    for (const [ours, why] of wrong) {
      const message = problem(ours);
      assert.ok(message.includes(why), `expected ${why}, found ${message}`);
      assert.ok(!message.includes('hünter2'));
    }
  });

  test('warns of attributes without effect, and refuses them in strict mode', () => {
    const without: readonly (readonly [Readonly<Record<string, string>>, string, string])[] = [
      [{ 'jks-alias': 'web' }, 'jks-alias', 'jks-enable'],
      [{ 'jks-password': 'hunter2' }, 'jks-password', 'jks-enable'],
      [{ 'jks-password-secret-key': 'password' }, 'jks-password-secret-key', 'jks-enable'],
      [{ 'pkcs12-profile': 'Modern2023' }, 'pkcs12-profile', 'pkcs12-enable'],
      [{ ...jks, 'jks-truststore-filename': 'x' }, 'jks-truststore-filename', 'jks-truststore-enable'],
      [
        { 'jks-truststore-enable': 'true', 'jks-password': 'hunter2', 'jks-filename': 'x' },
        'jks-filename',
        'jks-enable',
      ],
    ];
    for (const [ours, name, enable] of without) {
      assert.equal(problem(ours, { secretData: hunter2 }), `${name}: is ignored, ${enable} is not true`);
      const message = problem(ours, { secretData: hunter2, strictAttributes: true });
      assert.match(message, new RegExp(`^${name}: Invalid value: ".*": has no effect, ${enable} is not true$`));
      assert.ok(!message.includes('hunter2'));
    }
  });

  test('ignores the file names of disabled stores in the check for duplicates', () => {
    assert.equal(parse({ 'combined-pem-file': 'keystore.p12' }).files.combinedPem, 'keystore.p12');
    assert.equal(parse({ 'combined-pem-file': 'truststore.jks' }).files.combinedPem, 'truststore.jks');
  });
});
