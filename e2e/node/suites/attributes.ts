import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { run } from '../../cluster/command.ts';
import { certificatePod, defaultNamespace, type VolumeAttributes } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { extension, lifetimeHours, opensslX509, publicKeyOf, type X509 } from '../support/openssl.ts';
import { readVolumes, textOf, type PodFiles } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, getPod, type PodObject } from '../support/pods.ts';

interface Outcome {
  readonly x509: X509;
  readonly files: PodFiles;
  readonly pod: PodObject;
}

/** A volume's attributes and the expected openssl output of the certificate. */
interface Case {
  readonly states: string;
  readonly attributes: VolumeAttributes;
  readonly check: (outcome: Outcome) => void;
}

const ecdsa = { 'key-algorithm': 'ECDSA' };
const keyHeader = (files: PodFiles): string => textOf(files, 'tls.key').split('\n')[0] ?? '';

const cases: Readonly<Record<string, Case>> = {
  defaults: {
    states: 'an RSA-2048 key in PKCS#1, 720 hours, no CA, for signing and encipherment, by default',
    attributes: { 'common-name': 'defaults' },
    check: ({ x509, files }) => {
      assert.match(x509.text, /Public-Key: \(2048 bit\)/);
      assert.equal(keyHeader(files), '-----BEGIN RSA PRIVATE KEY-----');
      assert.equal(lifetimeHours(x509), 720);
      assert.equal(extension(x509, 'Key Usage'), 'Digital Signature, Key Encipherment');
      assert.equal(extension(x509, 'Basic Constraints'), 'CA:FALSE');
      assert.deepEqual([...files.keys()].sort(), ['ca.crt', 'tls.crt', 'tls.key']);
    },
  },
  subject: {
    states: 'every attribute of the subject, with quoted commas',
    attributes: {
      ...ecdsa,
      'common-name': 'web',
      organizations: 'Acme,"Bricks, Mortar & Co"',
      organizationalunits: 'shop',
      countries: 'NZ',
      provinces: 'Otago',
      localities: 'Dunedin',
      streetaddresses: '1 Baldwin Street',
      postalcodes: '9010',
      serialnumber: '4711',
    },
    check: ({ x509: { subject } }) => {
      const parts = ['CN=web', 'O=Acme', 'O=Bricks\\, Mortar & Co', 'OU=shop', 'C=NZ', 'ST=Otago', 'L=Dunedin'];
      for (const part of [...parts, 'street=1 Baldwin Street', 'postalCode=9010', 'serialNumber=4711']) {
        assert.ok(subject.includes(part), `expected ${part} in ${subject}`);
      }
    },
  },
  literal: {
    states: 'a literal subject in its own order',
    attributes: { ...ecdsa, 'literal-subject': 'CN=$POD_NAME,OU=shop\\, online,O=Acme,DC=corp,DC=example' },
    check: ({ x509 }) => {
      assert.equal(x509.subject, 'CN=attributes,OU=shop\\, online,O=Acme,DC=corp,DC=example');
    },
  },
  names: {
    states: 'DNS names, URIs and addresses as subject alternative names',
    attributes: {
      ...ecdsa,
      'dns-names': 'a.example.com, *.b.example.com',
      'uri-sans': 'spiffe://cluster.local/ns/$POD_NAMESPACE/sa/$SERVICE_ACCOUNT_NAME',
      'ip-sans': '10.0.0.1,2001:db8::1',
    },
    check: ({ x509 }) => {
      assert.deepEqual(extension(x509, 'Subject Alternative Name')?.split(', ').sort(), [
        'DNS:*.b.example.com',
        'DNS:a.example.com',
        'IP Address:10.0.0.1',
        'IP Address:2001:DB8:0:0:0:0:0:1',
        `URI:spiffe://cluster.local/ns/${defaultNamespace}/sa/default`,
      ]);
    },
  },
  variables: {
    states: 'the pod’s own name, namespace, uid and service account instead of variables',
    attributes: {
      ...ecdsa,
      'common-name': '$POD_UID',
      'dns-names': '$POD_NAME.${POD_NAMESPACE}.svc,${SERVICE_ACCOUNT_NAME}.local',
    },
    check: ({ x509, pod }) => {
      assert.equal(x509.subject, `CN=${pod.metadata.uid}`);
      const names = `DNS:attributes.${defaultNamespace}.svc, DNS:default.local`;
      assert.equal(extension(x509, 'Subject Alternative Name'), names);
    },
  },
  duration: {
    states: 'the requested lifetime',
    attributes: { ...ecdsa, 'common-name': 'duration', duration: '1h30m' },
    check: ({ x509 }) => assert.equal(lifetimeHours(x509), 1.5),
  },
  authority: {
    states: 'a certificate authority',
    attributes: { ...ecdsa, 'common-name': 'authority', 'is-ca': 'true', 'key-usages': 'cert sign,crl sign' },
    check: ({ x509 }) => {
      assert.equal(extension(x509, 'Basic Constraints'), 'CA:TRUE');
      assert.equal(extension(x509, 'Key Usage'), 'Certificate Sign, CRL Sign');
    },
  },
  usages: {
    states: 'key usages, including extended ones',
    attributes: { ...ecdsa, 'common-name': 'usages', 'key-usages': 'digital signature,server auth,client auth' },
    check: ({ x509 }) => {
      assert.equal(extension(x509, 'Key Usage'), 'Digital Signature');
      const extended = 'TLS Web Server Authentication, TLS Web Client Authentication';
      assert.equal(extension(x509, 'Extended Key Usage'), extended);
    },
  },
  rsa: {
    states: 'a larger RSA key in PKCS#8',
    attributes: { 'common-name': 'rsa', 'key-algorithm': 'rsa', 'key-size': '3072', 'key-encoding': 'PKCS8' },
    check: ({ x509, files }) => {
      assert.match(x509.text, /Public-Key: \(3072 bit\)/);
      assert.equal(keyHeader(files), '-----BEGIN PRIVATE KEY-----');
    },
  },
  p256: {
    states: 'an ECDSA key on P-256 by default, in PKCS#8',
    attributes: { 'common-name': 'p256', 'key-algorithm': 'ECDSA' },
    check: ({ x509, files }) => {
      assert.match(x509.text, /NIST CURVE: P-256/);
      assert.equal(keyHeader(files), '-----BEGIN PRIVATE KEY-----');
    },
  },
  p521: {
    states: 'an ECDSA key on P-521',
    attributes: { 'common-name': 'p521', 'key-algorithm': 'ecdsa', 'key-size': '521' },
    check: ({ x509 }) => assert.match(x509.text, /NIST CURVE: P-521/),
  },
  ed25519: {
    states: 'an Ed25519 key',
    attributes: { 'common-name': 'ed25519', 'key-algorithm': 'Ed25519' },
    check: ({ x509 }) => assert.match(x509.text, /Public Key Algorithm: ED25519/),
  },
};

/** One pod with a volume for each group of attributes, and openssl's output of each certificate. */
export function attributeSuite(context: GetContext): void {
  describe('a pod gets', () => {
    let pod: PodObject;
    let volumes: ReadonlyMap<string, PodFiles>;
    const filesOf = (volume: string): PodFiles => volumes.get(volume) ?? new Map();

    before(async () => {
      const { cluster } = context();
      const attributes = Object.fromEntries(Object.entries(cases).map(([volume, of]) => [volume, of.attributes]));
      await applyPodsAndWaitReady(cluster, [certificatePod('attributes', attributes)]);
      pod = await getPod(cluster, { name: 'attributes' });
      volumes = await readVolumes(cluster, { name: 'attributes' }, Object.keys(cases));
    });

    for (const [volume, { states, check }] of Object.entries(cases)) {
      test(states, async () => {
        const files = filesOf(volume);
        check({ x509: await opensslX509(textOf(files, 'tls.crt')), files, pod });
      });
    }

    test('in each volume a key that matches its certificate, and no key twice', async () => {
      const keys = new Set<string>();
      for (const [volume, files] of volumes) {
        const { publicKey } = await opensslX509(textOf(files, 'tls.crt'));
        assert.equal(await publicKeyOf(textOf(files, 'tls.key')), publicKey, volume);
        keys.add(publicKey);
      }
      assert.equal(keys.size, Object.keys(cases).length);
    });

    test('certificates that verify against the issuer’s CA next to them', async () => {
      const files = filesOf('defaults');
      assert.equal(textOf(files, 'ca.crt').trim(), context().issuer.caCertificate.trim());
      const bash = 'openssl verify -CAfile <(printf %s "$0") <(printf %s "$1")';
      const { stdout } = await run(['bash', '-c', bash, textOf(files, 'ca.crt'), textOf(files, 'tls.crt')]);
      assert.match(stdout, /: OK$/m);
    });

    test('files that only root and their group can read', () => {
      for (const [volume, files] of volumes) {
        for (const [name, { mode, uid, gid }] of files) {
          assert.deepEqual([mode, uid, gid], ['440', 0, 0], `${volume}/${name}`);
        }
      }
    });
  });
}
