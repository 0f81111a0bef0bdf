// The rotation of a CA on one machine without Kubernetes: a real agent, controller and Redis, with objects in files.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import { openLocalCa } from '../../../apps/node-agent/src/local-ca/local-ca.ts';
import { waitUntil } from '../../cluster/wait.ts';
import type { Rotation } from '../../../libs/operator-api/src/rotations.ts';
import { writeAgentToken, writeAgentTokens } from '../../fleet/support/agent-links.ts';
import { startControllerProcess } from '../../fleet/simulation/controller-process.ts';
import { startRedisServer } from '../../support/redis-server.ts';
import { AgentProcess } from '../agent-process.ts';
import { cannotMount, TestNode } from '../test-node.ts';
import { readVolume } from '../volume-files.ts';

/** Starts requests take their time on a busy machine. */
const timeoutMs = 120_000;
const fingerprintOf = (pem: string): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

/** A whole rotation, most of which is waiting. */
export function rotationSuite(): void {
  describe('a CA rotation without Kubernetes', { skip: cannotMount, concurrency: false }, () => {
    test('is carried out to the end: the old CA is named by its SHA-256, and its file is replaced meanwhile', async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'certfleet-one-machine-'));
      const node = new TestNode();
      const redis = await startRedisServer();
      const intent = join(directory, 'intent');
      const socket = `unix://${join(directory, 'fleet.sock')}`;
      const controller = await startControllerProcess('sources', [
        `--redis-url=${redis.url}`,
        `--fleet-bind-address=${socket}`,
        `--agent-token-file=${writeAgentTokens(directory, ['node-1'])}`,
        `--intent-directory=${intent}`,
        ...['--api-auth=none', '--api-bind-address=127.0.0.1:0', '--ops-bind-address=127.0.0.1:0'],
        '--heartbeat-interval=1s',
      ]);
      const agent = await AgentProcess.start(node, {
        flags: [
          `--controller-address=${socket}`,
          `--controller-token-file=${writeAgentToken(directory, 'node-1')}`,
          `--ca-rotations-directory=${join(intent, 'carotations')}`,
        ],
      });
      const client = new CsiClient(node.socketPath);
      t.after(async () => {
        client.close();
        await agent.kill();
        await controller.stop();
        await redis.stop();
        node.remove();
        rmSync(directory, { recursive: true });
      });
      const api = async <Body>(path: string, json?: object): Promise<Body> => {
        const init = json && {
          method: 'POST',
          body: JSON.stringify(json),
          headers: { 'content-type': 'application/json' },
        };
        const response = await fetch(`http://127.0.0.1:${controller.apiPort}/api/v1/${path}`, init);
        return (await response.json()) as Body;
      };
      const volumes = ['web', 'database'].map((name) => node.volume(name, { duration: '1h' }));
      for (const volume of volumes) await client.publish(volume);
      const trusted = (): string[][] =>
        volumes.map(({ targetPath }) =>
          (
            readFileSync(join(targetPath, 'ca.crt'), 'utf8').match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? []
          ).map(fingerprintOf),
        );
      const caFile = join(node.root, 'ca/local-ca.pem');
      const old = fingerprintOf(readFileSync(caFile, 'utf8').replace(/^[^]*?(?=-----BEGIN CERT)/, ''));
      const next = (await openLocalCa(join(directory, 'next'), new Date())).certificatePem;
      await waitUntil('the volumes', async () => (await api<{ total: number }>('volumes')).total === 2, { timeoutMs });

      const request = { name: 'r', from: old, to: next, reason: 'expires' };
      const started = await api<Rotation>('rotations', request);
      assert.deepEqual([started.from, started.to], [[old], [fingerprintOf(next)]], JSON.stringify(started));
      const isBoth = (each: readonly string[]): boolean => each.join() === [old, fingerprintOf(next)].join();
      await waitUntil('both roots', () => Promise.resolve(trusted().every(isBoth)), { timeoutMs });
      copyFileSync(join(directory, 'next/local-ca.pem'), `${caFile}.new`);
      renameSync(`${caFile}.new`, caFile);
      let last: Rotation | undefined;
      const isCompleted = async (): Promise<boolean> =>
        (last = await api<Rotation>('rotations/r')).phase === 'Completed';
      await waitUntil('the end', isCompleted, { timeoutMs }).catch((thrown: unknown) => {
        throw new Error(`the rotation was ${JSON.stringify(last)}`, { cause: thrown });
      });
      assert.deepEqual(trusted(), [[fingerprintOf(next)], [fingerprintOf(next)]]);
      for (const { targetPath } of volumes)
        assert.ok(readVolume(targetPath).certificate.verify(new X509Certificate(next).publicKey));
      for (const volume of volumes) await client.unpublish(volume);
    });
  });
}
