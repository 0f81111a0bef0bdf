import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../cluster/wait.ts';
import { findSecrets } from '../support/secret-scan.ts';
import { AgentProcess } from './agent-process.ts';
import { RunningPod } from './running-pod.ts';
import { cannotMount, TestNode } from './test-node.ts';
import { readVolume } from './volume-files.ts';

const password = 'keystore-password-7';
const secretPassword = 'password-of-the-secret-7';
const token = (name: string): string =>
  JSON.stringify({ '': { token: `opaque-${name}-token`, expirationTimestamp: '' } });
const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

describe('renewals of a short-lived volume', { skip: cannotMount }, () => {
  test('replace its files under a reader, with new and kept keys, through a restart, without leaking a secret', async () => {
    const node = new TestNode();
    after(() => node.remove());
    const flags = ['--use-token-request'];
    const first = await AgentProcess.start(node, { flags });
    after(() => first.kill());
    const client = new CsiClient(node.socketPath);
    const short = { duration: '10s' };
    const keystore = { 'pkcs12-enable': 'true', 'pkcs12-password': password };
    const fromSecret = { 'pkcs12-enable': 'true', 'pkcs12-password-secret-key': 'password' };
    const secrets = { password: secretPassword, other: 'not-for-this-pod' };
    const volumes = [
      node.volume('new-key', short),
      node.volume('kept-key', { ...short, 'reuse-private-key': 'true', 'key-algorithm': 'RSA' }),
      node.volume('keystore', { ...short, ...keystore, 'key-algorithm': 'Ed25519' }),
      node.volume('secret', { ...short, ...fromSecret }),
    ] as const;
    const publish = (name: string): Promise<unknown> =>
      Promise.all(
        volumes.map((volume) =>
          client.publish({ ...volume, secrets, volumeContext: { ...volume.volumeContext, [tokensKey]: token(name) } }),
        ),
      );
    await publish('first');
    await publish('second');
    const before = volumes.map(({ targetPath }) => readVolume(targetPath));
    const pods = volumes.map(({ targetPath }) => new RunningPod(targetPath));
    const lifetimes = before.map(
      ({ certificate }) => certificate.validToDate.getTime() - certificate.validFromDate.getTime(),
    );
    assert.deepEqual(lifetimes, [10_000, 10_000, 10_000, 10_000]);
    client.close();
    await first.kill();

    // The next run has token and passwords only from the files next to the key.
    const second = await AgentProcess.start(node, { flags });
    after(() => second.kill());
    const now = (): ReturnType<typeof readVolume>[] => volumes.map(({ targetPath }) => readVolume(targetPath));
    const areRenewed = (): boolean =>
      now().every(({ certificate }, index) => certificate.serialNumber !== before[index]?.certificate.serialNumber);
    await waitUntil('the renewals', () => Promise.resolve(areRenewed()), { timeoutMs: 20_000 });
    const renewed = now();
    const isKeyKept = renewed.map(({ keyPem }, index) => keyPem === before[index]?.keyPem);
    assert.deepEqual(isKeyKept, [false, true, false, false]);
    const dates = renewed.map(({ certificate }, index) => [
      certificate.validFromDate.getTime(),
      before[index]?.certificate.validToDate.getTime(),
    ]);
    for (const [from = 0, until = 0] of dates) assert.ok(from < until, 'renewed before it expired');
    for (const [volume, passphrase] of [
      [volumes[2], password],
      [volumes[3], secretPassword],
    ] as const) {
      const p12 = execFileSync('openssl', ['pkcs12', '-noenc', '-passin', `pass:${passphrase}`], {
        input: readFileSync(join(volume.targetPath, 'keystore.p12')),
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      assert.match(p12.toString(), /BEGIN PRIVATE KEY/);
    }
    assert.equal(await second.metric('issuances_total', 'cause="deadline"', 'result="success"'), 4);
    for (const pod of pods) assert.deepEqual((await pod.end()).torn, []);

    for (const volume of volumes) node.recordOf(volume);
    const keys = [...before, ...renewed].map(({ keyPem }) => ({ name: 'private key', value: keyPem }));
    const known = [
      ...keys,
      { name: 'keystore password', value: password },
      { name: 'password of the Secret', value: secretPassword },
      { name: 'another value of the Secret', value: secrets.other },
      { name: 'token', value: 'opaque-first-token' },
      { name: 'token', value: 'opaque-second-token' },
    ];
    assert.ok(node.texts.length > 5);
    assert.deepEqual(findSecrets(node.texts, known), []);
  });
});
