import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { certificatePod } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { tracesOfPod } from '../support/node-state.ts';
import { opensslX509 } from '../support/openssl.ts';
import { readFiles, textOf } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods, getPod, type PodObject } from '../support/pods.ts';

/** Upgrades, rolls back, removes and reinstalls the release under a running pod. */
export function releaseSuite(context: GetContext): void {
  describe('the files of a running pod stay', () => {
    const pod = { name: 'bystander' };
    let serial: string;
    let object: PodObject;
    const issued = async (): Promise<string> =>
      (await opensslX509(textOf(await readFiles(context().cluster, pod, 'data'), 'tls.crt'))).serial;
    const expectUntouched = async (): Promise<void> => {
      assert.equal(await issued(), serial);
      const { metadata, status } = await getPod(context().cluster, pod);
      assert.deepEqual([metadata.uid, status.containerStatuses?.[0]?.restartCount], [object.metadata.uid, 0]);
    };

    before(async () => {
      await context().agent.install();
      const data = { 'key-algorithm': 'ECDSA', 'common-name': 'bystander' };
      await applyPodsAndWaitReady(context().cluster, [certificatePod(pod.name, { data })]);
      serial = await issued();
      object = await getPod(context().cluster, pod);
    });

    test('through helm upgrade', async () => {
      const { agent } = context();
      const earlier = await agent.pod();
      await agent.install({ 'app.driver.defaultDuration': '48h', 'podLabels.tier': 'certificates' });
      assert.notEqual((await agent.pod()).metadata.uid, earlier.metadata.uid);
      await expectUntouched();
      await applyPodsAndWaitReady(context().cluster, [certificatePod('upgraded', { data: { 'common-name': 'new' } })]);
      const { notBefore, notAfter } = await opensslX509(
        textOf(await readFiles(context().cluster, { name: 'upgraded' }, 'data'), 'tls.crt'),
      );
      assert.equal(notAfter.getTime() - notBefore.getTime(), 48 * 3_600_000);
    });

    test('through helm rollback', async () => {
      await context().agent.rollbackOne();
      await expectUntouched();
    });

    test('through helm uninstall, and the kubelet removes them once a driver is back', async () => {
      const { agent, cluster } = context();
      await agent.uninstall();
      await expectUntouched();
      await agent.install();
      await expectUntouched();
      await deletePods(cluster, [pod.name, 'upgraded']);
      const left = (await tracesOfPod(cluster, object)).filter((path) => path !== object.metadata.uid);
      assert.deepEqual(left, []);
    });
  });
}
