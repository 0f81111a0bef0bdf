import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { certificatePod, defaultNamespace } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { tracesOfPod } from '../support/node-state.ts';
import { applyPodsAndWaitReady, deletePods, getPod, requestsOf } from '../support/pods.ts';

/** Checks that nothing is left of a deleted pod. */
export function removalSuite(context: GetContext): void {
  describe('a deleted pod', () => {
    test('leaves no key, directory, mount or request', async () => {
      const { cluster } = context();
      const ecdsa = { 'key-algorithm': 'ECDSA', 'common-name': 'gone' };
      const keystore = { 'pkcs12-enable': 'true', 'pkcs12-password': 'gone-with-the-pod' };
      await applyPodsAndWaitReady(cluster, [
        certificatePod('short-lived', { one: ecdsa, two: { ...ecdsa, ...keystore } }),
      ]);
      const pod = await getPod(cluster, { name: 'short-lived' });
      const requests = await requestsOf(cluster, pod);
      // Two volumes, the kubelet's directory of the pod, and at least one mount per volume; otherwise the check is
      // ineffective.
      assert.ok((await tracesOfPod(cluster, pod)).length >= 5);
      assert.equal(requests.length, 2);

      await deletePods(cluster, ['short-lived']);
      const names = requests.map(({ metadata }) => `certificaterequest/${metadata.name}`);
      await cluster.kubectl(['wait', '--for=delete', ...names, '-n', defaultNamespace, '--timeout=60s']);
      // The kubelet removes the pod's own directory in its next clean-up, after the pod's object is gone.
      const ofAgent = (await tracesOfPod(cluster, pod)).filter((path) => path !== pod.metadata.uid);
      assert.deepEqual(ofAgent, []);
    });
  });
}
