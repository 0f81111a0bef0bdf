import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { certificatePod, defaultNamespace } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { opensslX509 } from '../support/openssl.ts';
import { execInPod, readFiles, readVolumes, textOf, type PodFiles } from '../support/pod-files.ts';
import { applyPodsAndWaitReady } from '../support/pods.ts';

const ecdsa = { 'key-algorithm': 'ECDSA' };
/** The final scan searches for it: it may only be in the pod's own spec. */
export const keystorePassword = 'correct-horse-battery';
/** Only in a Secret, in the memory of the kubelet and the agent, and in the volume. */
export const secretPassword = 'battery-staple-correct';
const keystore = { 'pkcs12-enable': 'true', 'pkcs12-password': keystorePassword };

/** Names, owners and formats of the files that a pod sees. */
export function fileSuite(context: GetContext): void {
  describe('a pod of another user', () => {
    let volumes: ReadonlyMap<string, PodFiles>;
    before(async () => {
      const securityContext = { runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true, fsGroup: 2000 };
      await applyPodsAndWaitReady(context().cluster, [
        certificatePod(
          'groups',
          { inherited: { ...ecdsa, 'common-name': 'a' }, own: { ...ecdsa, 'common-name': 'b', 'fs-group': '3000' } },
          { spec: { securityContext: { ...securityContext, supplementalGroups: [3000] } } },
        ),
        certificatePod(
          'strangers',
          { own: { ...ecdsa, 'common-name': 'c' } },
          { spec: { securityContext: { runAsUser: 1000, runAsGroup: 1000 } } },
        ),
      ]);
      volumes = await readVolumes(context().cluster, { name: 'groups' }, ['inherited', 'own']);
    });

    test('reads its files through the pod’s fsGroup, and cannot write them', async () => {
      const files: PodFiles = volumes.get('inherited') ?? new Map<string, never>();
      for (const name of ['ca.crt', 'tls.crt', 'tls.key']) {
        const { mode, gid } = files.get(name) ?? {};
        assert.deepEqual([name, mode, gid], [name, '440', 2000]);
      }
      const write = 'echo x > /certs/inherited/tls.key || echo x > /certs/inherited/new';
      await assert.rejects(execInPod(context().cluster, { name: 'groups' }, write), /Permission denied|Read-only/);
    });

    test('reads them through the fs-group attribute, which overrides the pod’s', () => {
      assert.equal(volumes.get('own')?.get('tls.key')?.gid, 3000);
      assert.equal(volumes.get('own')?.get('tls.key')?.content.length === 0, false);
    });

    test('reads nothing without a group', async () => {
      await assert.rejects(
        execInPod(context().cluster, { name: 'strangers' }, 'cat /certs/own/..data/tls.key'),
        /denied/,
      );
    });
  });

  describe('a pod’s files', () => {
    const pod = { name: 'files' };
    before(async () => {
      const metadata = { name: 'keystore', namespace: defaultNamespace };
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { password: secretPassword } };
      await context().cluster.apply(JSON.stringify(secret));
      const fromSecret = {
        ...{ 'common-name': 'keystore', 'pkcs12-enable': 'true', 'pkcs12-profile': 'LegacyRC2' },
        ...{ 'pkcs12-truststore-enable': 'true', 'pkcs12-password-secret-key': 'password' },
      };
      const names = { 'certificate-file': 'web.pem', 'privatekey-file': 'web-key.pem', 'ca-file': 'root.pem' };
      await applyPodsAndWaitReady(context().cluster, [
        certificatePod('files', {
          named: { ...ecdsa, 'common-name': 'named', ...names },
          rsa: { 'common-name': 'keystore', ...keystore },
          ecdsa: { ...ecdsa, 'common-name': 'keystore', ...keystore, 'pkcs12-filename': 'web.p12' },
          legacy: { 'common-name': 'keystore', ...keystore, 'pkcs12-profile': 'LegacyDES' },
          alias: {
            ...ecdsa,
            'common-name': 'keystore',
            'keystore-pkcs12-enable': 'true',
            'keystore-pkcs12-filename': 'alias.p12',
            'keystore-pkcs12-password': keystorePassword,
          },
        }),
        certificatePod('secret-password', { rc2: fromSecret }, { secretName: 'keystore' }),
      ]);
    });

    test("have the volume's configured names", async () => {
      const files = await readFiles(context().cluster, pod, 'named');
      assert.deepEqual([...files.keys()].sort(), ['root.pem', 'web-key.pem', 'web.pem']);
      assert.equal((await opensslX509(textOf(files, 'web.pem'))).subject, 'CN=named');
    });

    const keystores: readonly (readonly [volume: string, file: string, encryption: RegExp])[] = [
      ['rsa', 'keystore.p12', /PBES2, PBKDF2, AES-256-CBC/],
      ['ecdsa', 'web.p12', /PBES2, PBKDF2, AES-256-CBC/],
      ['legacy', 'keystore.p12', /pbeWithSHA1And3-KeyTripleDES-CBC/],
      ['alias', 'alias.p12', /PBES2, PBKDF2, AES-256-CBC/],
    ];
    for (const [volume, file, encryption] of keystores) {
      test(`include a PKCS#12 keystore that openssl opens in the pod: ${volume}`, async () => {
        const openssl = `cd /certs/${volume} && openssl pkcs12 -in ${file} -passin pass:${keystorePassword}`;
        const checks = [
          `${openssl} -info -noout 2>&1`,
          `${openssl} -noenc -nocerts | openssl pkey -pubout | sha256sum`,
          `openssl pkey -in tls.key -pubout | sha256sum`,
          `${openssl} -clcerts -nokeys | openssl x509 -noout -serial`,
          `openssl x509 -in tls.crt -noout -serial`,
          `${openssl} -cacerts -nokeys | openssl x509 -noout -subject`,
        ];
        const output = await execInPod(context().cluster, pod, checks.join(' && '));
        assert.match(output, encryption);
        const [ofStore, ofFile, serialInStore, serial, ca] = output.trimEnd().split('\n').slice(-5);
        assert.equal(ofStore, ofFile);
        assert.equal(serialInStore, serial);
        assert.match(ca ?? '', /test-ca test CA/);
      });
    }

    test('include stores whose password is in a Secret, which only the kubelet reads', async () => {
      const openssl = `openssl pkcs12 -legacy -passin pass:${secretPassword} -noenc`;
      const checks = [
        `cd /certs/rc2 && ${openssl} -in keystore.p12 -nocerts | openssl pkey -pubout | sha256sum`,
        `openssl pkey -in tls.key -pubout | sha256sum`,
        `${openssl} -in truststore.p12 -nokeys | openssl x509 -noout -fingerprint -sha256`,
        `openssl x509 -in ca.crt -noout -fingerprint -sha256`,
      ];
      const output = await execInPod(context().cluster, { name: 'secret-password' }, checks.join(' && '));
      const [ofStore, ofFile, trusted, ca] = output.trimEnd().split('\n');
      assert.deepEqual([ofStore, trusted], [ofFile, ca]);
    });

    test('a keystore cannot be opened with another password', async () => {
      const openssl = 'openssl pkcs12 -in /certs/rsa/keystore.p12 -passin pass:wrong -noout';
      await assert.rejects(execInPod(context().cluster, pod, openssl), /invalid password/);
    });
  });
}
