import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { certificatePod } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { mountPoints, volumesRoot } from '../support/node-state.ts';
import { loseNode } from '../support/lose-node.ts';
import { opensslX509 } from '../support/openssl.ts';
import { readFiles, textOf } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, getPod } from '../support/pods.ts';

/** The machine loses all processes, mounts and memory, and starts again. */
export function nodeRestartSuite(context: GetContext): void {
  describe('a node that restarts', () => {
    test('restarts its pods, with new certificates instead of the lost ones', async () => {
      const { cluster, agent } = context();
      const pod = { name: 'survivor' };
      const issued = async (): Promise<string> => {
        return (await opensslX509(textOf(await readFiles(cluster, pod, 'data'), 'tls.crt'))).serial;
      };
      const attributes = { 'key-algorithm': 'ECDSA', 'common-name': 'survivor' };
      await applyPodsAndWaitReady(cluster, [certificatePod('survivor', { data: attributes })]);
      const [before, serial] = [await getPod(cluster, pod), await issued()];

      await loseNode(cluster);
      assert.ok(!(await mountPoints(cluster)).includes(volumesRoot), 'expected the tmpfs to be gone');
      await cluster.containerd.start();
      await cluster.kubelet.start();

      const restarted = '--for=jsonpath={.status.containerStatuses[0].restartCount}=1';
      await cluster.kubectl(['wait', restarted, 'pod/survivor', '-n', before.metadata.namespace, '--timeout=120s']);
      await applyPodsAndWaitReady(cluster, [certificatePod('newcomer', { data: attributes })]);
      await agent.waitUntilServing();
      const { metadata } = await getPod(cluster, pod);
      assert.equal(metadata.uid, before.metadata.uid);
      assert.notEqual(await issued(), serial);
    });
  });
}
