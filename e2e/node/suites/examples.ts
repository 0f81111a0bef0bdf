import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { before, describe, test } from 'node:test';

import { KeystoreTools, keytoolMissing } from '../../../apps/node-agent/src/crypto/testing/keystore-tools.ts';
import { createCaIssuer } from '../../cluster/issuers.ts';
import { followUntil } from '../support/follow.ts';
import type { GetContext } from '../support/node-context.ts';
import { extension, opensslX509 } from '../support/openssl.ts';
import { execInPod } from '../support/pod-files.ts';
import { waitReady } from '../support/pods.ts';

const folder = resolve(import.meta.dirname, '../../../examples');
const namespace = 'default';
const now = ['--grace-period=1', '--timeout=60s'];

/** Runs the documented examples. That of token requests is in the suite of that mode. */
export function exampleSuite(context: GetContext): void {
  describe('the example', { concurrency: true }, () => {
    before(() => createCaIssuer(context().cluster, { name: 'ca' }));

    test('pod-with-certificate.yaml gets a certificate that its user can read', async () => {
      const { cluster } = context();
      await cluster.apply(await readFile(join(folder, 'pod-with-certificate.yaml'), 'utf8'));
      const pod = { name: 'pod-with-certificate', namespace };
      await waitReady(cluster, { names: [pod.name], namespace });
      const x509 = await opensslX509(await execInPod(cluster, pod, 'cat /tls/tls.crt && test -r /tls/tls.key'));
      const name = 'DNS:pod-with-certificate.default.svc.cluster.local';
      assert.equal(extension(x509, 'Subject Alternative Name'), name);
      await cluster.kubectl(['delete', 'pod/pod-with-certificate', ...now]);
    });

    test(
      'pod-with-java-keystore.yaml gets stores whose password only its Secret has',
      { skip: keytoolMissing },
      async () => {
        const { cluster } = context();
        await cluster.apply(await readFile(join(folder, 'pod-with-java-keystore.yaml'), 'utf8'));
        const pod = { name: 'pod-with-java-keystore', namespace };
        await waitReady(cluster, { names: [pod.name], namespace });
        const read = async (name: string): Promise<Buffer> =>
          Buffer.from(await execInPod(cluster, pod, `base64 -w 0 /tls/${name}`), 'base64');
        const tools = new KeystoreTools(await execInPod(cluster, pod, 'printf %s "$KEYSTORE_PASSWORD"'));
        const [keystore, truststore] = [await read('keystore.jks'), await read('truststore.jks')];
        assert.match(tools.openssl(tools.convert(keystore), '-nocerts').output, /BEGIN PRIVATE KEY/);
        assert.match(tools.keytool(truststore, 'JKS').output, /Alias name: ca\n[^]*trustedCertEntry/);
        tools.remove();
        await cluster.kubectl(['delete', 'pod/pod-with-java-keystore', 'secret/java-keystore', ...now]);
      },
    );

    test('pod-with-pkcs12.yaml gets stores that open with the password in its volume', async () => {
      const { cluster } = context();
      await cluster.apply(await readFile(join(folder, 'pod-with-pkcs12.yaml'), 'utf8'));
      const pod = { name: 'pod-with-pkcs12', namespace };
      await waitReady(cluster, { names: [pod.name], namespace });
      const read = async (name: string): Promise<Buffer> =>
        Buffer.from(await execInPod(cluster, pod, `base64 -w 0 /tls/${name}`), 'base64');
      const tools = new KeystoreTools((await read('password')).toString());
      assert.match(tools.openssl(await read('keystore.p12'), '-nocerts').output, /BEGIN PRIVATE KEY/);
      assert.match(tools.openssl(await read('truststore.p12'), '-nokeys').output, /BEGIN CERTIFICATE/);
      tools.remove();
      await cluster.kubectl(['delete', 'pod/pod-with-pkcs12', ...now]);
    });

    test('pod-with-key-of-its-user.yaml gets a key that belongs to its user only', async () => {
      const { cluster } = context();
      await cluster.apply(await readFile(join(folder, 'pod-with-key-of-its-user.yaml'), 'utf8'));
      const pod = { name: 'pod-with-key-of-its-user', namespace };
      await waitReady(cluster, { names: [pod.name], namespace });
      const stat = `cat /tls/tls.key >/dev/null && cd /tls && stat -L -c '%n %u %a' tls.key tls.crt ca.crt`;
      const output = await execInPod(cluster, pod, stat);
      assert.deepEqual(output.trimEnd().split('\n'), ['tls.key 999 600', 'tls.crt 999 444', 'ca.crt 999 444']);
      await cluster.kubectl(['delete', 'pod/pod-with-key-of-its-user', ...now]);
    });

    test('deployment-with-reload.yaml reloads at each renewal', async () => {
      const { cluster } = context();
      const manifest = await readFile(join(folder, 'deployment-with-reload.yaml'), 'utf8');
      // The same file with a shorter lifetime, so that a renewal happens during the test.
      await cluster.apply(manifest.replace('duration: 24h', 'duration: 10s'));
      const deployment = 'deployment/deployment-with-reload';
      await cluster.kubectl(['rollout', 'status', deployment, '--timeout=60s']);
      const lines = await followUntil(cluster, ['logs', '--follow', deployment], (so) => so.length >= 2);
      for (const line of lines) assert.match(line, /^certificate renewed: \.\./);
      assert.notEqual(lines[0], lines[1]);
      await cluster.kubectl(['delete', deployment, ...now]);
    });
  });
}
