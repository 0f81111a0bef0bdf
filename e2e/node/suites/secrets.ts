import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

import { findSecrets, type KnownSecret, type SecretScanText } from '../../support/secret-scan.ts';
import type { GetContext } from '../support/node-context.ts';
import { apiObjects } from '../support/api-objects.ts';
import { volumesRoot } from '../support/node-state.ts';
import { readFiles, textOf } from '../support/pod-files.ts';
import { keystorePassword, secretPassword } from './files.ts';

const passwords: readonly KnownSecret[] = [
  { name: 'keystore password', value: keystorePassword },
  { name: 'password of the Secret', value: secretPassword },
];

/** Scans all output of the whole run, except the pods' own files. The last suite. */
export function secretSuite(context: GetContext): void {
  test('the secret scan finds the secrets of real volumes', async () => {
    const { cluster } = context();
    const key = textOf(await readFiles(cluster, { name: 'files' }, 'rsa'), 'tls.key');
    const { stdout: secrets } = await cluster.exec('sh', ['-c', 'cat "$0"/*/secret.json', volumesRoot]);
    const body = key.split('\n').slice(1, 3).join('\n');
    const texts = Object.entries({ key, body, encoded: Buffer.from(key).toString('base64'), secrets });
    for (const [where, text] of texts) assert.notDeepEqual(findSecrets([{ where, text }], passwords), [], where);
  });

  describe('no private key, token or keystore password is in', () => {
    const expectNone = (texts: readonly SecretScanText[], known = passwords): void => {
      for (const { where, text } of texts) assert.ok(text.length > 0, `nothing to scan in ${where}`);
      assert.deepEqual(findSecrets(texts, known), []);
    };

    test("the agents' logs at the highest level", async () => {
      const text = await context().agent.logs();
      assert.match(text, /"certificate issued"/);
      expectNone([{ where: 'agent', text }]);
    });

    test('the logs of kubelet, containerd, cert-manager and the rest of the cluster', async () => {
      const folder = dirname(context().cluster.logs('kubelet'));
      const names = await readdir(folder);
      for (const name of ['kubelet.log', 'containerd.log', 'cert-manager-controller.log', 'approver-policy.log']) {
        assert.ok(names.includes(name), name);
      }
      const read = async (name: string): Promise<SecretScanText> => {
        return { where: name, text: await readFile(join(folder, name), 'utf8') };
      };
      const texts = await Promise.all(names.map(read));
      expectNone(texts.filter(({ text }) => text !== ''));
    });

    test('requests to the API server', async () => {
      const text = await readFile(context().auditLog, 'utf8');
      for (const resource of ['certificaterequests', 'events']) {
        assert.ok(text.includes(`"resource":"${resource}"`), resource);
      }
      expectNone([{ where: 'audit log', text }]);
    });

    test('any object of the API, including events, except the issuers’ own secrets', async () => {
      const objects = await apiObjects(context().cluster);
      const pods = objects.filter(({ where }) => where === 'pods');
      expectNone(objects.filter((text) => !pods.includes(text)));
      // The keystore's password in a pod's spec comes from its author.
      expectNone(pods, []);
    });

    test('the agent’s records of its volumes, and its metrics', async () => {
      const { cluster, agent } = context();
      const { stdout: records } = await cluster.exec('sh', ['-c', 'cat "$0"/*/volume.json', volumesRoot]);
      assert.match(records, /pkcs12-enable/);
      const { status } = await agent.pod();
      const { stdout: metrics } = await cluster.exec('curl', ['-sf', `http://${status.podIP ?? ''}:9402/metrics`]);
      expectNone([
        { where: 'volume.json', text: records },
        { where: 'metrics', text: metrics },
      ]);
    });
  });
}
