import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { certificatePod, defaultNamespace } from '../support/certificate-pod.ts';
import { followLog } from '../support/follow.ts';
import type { GetContext } from '../support/node-context.ts';
import { readFiles } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods, describeWithEvent, getPod, requestsOf } from '../support/pods.ts';

const attributes = { 'key-algorithm': 'ECDSA', 'common-name': 'late' };
const script = 'until [ -s /certs/data/tls.key ]; do usleep 100000; done; echo arrived; exec sleep infinity';
const arrived = (lines: readonly string[]): boolean => lines.includes('arrived');
const annotation = 'example.com/released';

/** Pods that start before their certificate exists. Changes the release; the next suite sets its own values. */
export function notReadySuite(context: GetContext): void {
  describe('with continue-on-not-ready', { concurrency: true }, () => {
    before(() =>
      context().agent.install({
        'app.driver.continueOnNotReady': true,
        'app.driver.podReadinessGates': ['pod-ip:any', `pod-annotation:${annotation}`],
        'app.driver.gateBackoff.duration': '200ms',
        'app.driver.gateBackoff.cap': '500ms',
        'app.driver.issuanceTimeout': '3s',
      }),
    );

    test('a pod gets its certificate when it has an address, which the kubelet assigns after mounting', async () => {
      const { cluster } = context();
      const pod = { name: 'addressed', namespace: defaultNamespace };
      const options = { script, annotations: { [annotation]: 'true' } };
      await applyPodsAndWaitReady(cluster, [certificatePod(pod.name, { data: attributes }, options)]);
      await followLog(cluster, pod, arrived);
      await deletePods(cluster, [pod.name]);
    });

    test('a pod starts with an empty volume, reports the reason, and gets its files when it is annotated', async () => {
      const { cluster } = context();
      const pod = { name: 'held-back', namespace: defaultNamespace };
      await applyPodsAndWaitReady(cluster, [certificatePod(pod.name, { data: attributes }, { script })]);
      const described = await describeWithEvent(cluster, pod, 'GatePending');
      assert.match(described, new RegExp(`Warning\\s+GatePending\\s.*${annotation}`));
      assert.equal((await readFiles(cluster, pod, 'data')).size, 0);
      assert.deepEqual(await requestsOf(cluster, await getPod(cluster, pod)), []);
      await cluster.kubectl(['annotate', 'pod', pod.name, '-n', pod.namespace, `${annotation}=true`]);
      await followLog(cluster, pod, arrived);
      const { status } = await getPod(cluster, pod);
      assert.equal(status.containerStatuses?.[0]?.restartCount, 0);
      await deletePods(cluster, [pod.name]);
    });
  });
}
