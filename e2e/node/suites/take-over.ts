import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { before, describe, test } from 'node:test';

import { waitUntil } from '../../cluster/wait.ts';
import { whyWithout } from '../../tools/build.ts';
import { certificatePod, watchScript } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { mountPoints, namesIn, tracesOfPod, volumeIdOf, volumesRoot } from '../support/node-state.ts';
import { opensslX509 } from '../support/openssl.ts';
import { readFiles, textOf } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods, getPod, type PodObject } from '../support/pods.ts';
import { CsiDriver, csiDriverDataRoot, makeDue } from '../csi-driver/csi-driver.ts';
import { seenBy, seenSoFar } from './renewals.ts';

const skip = await whyWithout('cert-manager-csi-driver');
const ecdsa = { 'key-algorithm': 'ECDSA' };
const pod = { name: 'taken-over' };
const upstreamRoot = `${csiDriverDataRoot}/inmemfs`;

/** Exchanges the agent and csi-driver under running pods, in both directions. Leaves the release installed. */
export function takeOverSuite(context: GetContext): void {
  describe('a pod with volumes of csi-driver', { skip }, () => {
    let untouched: PodObject;
    let restingSerial: string;
    const serialOf = async (volume: string): Promise<string> =>
      (await opensslX509(textOf(await readFiles(context().cluster, pod, volume), 'tls.crt'))).serial;

    before(async () => {
      const { cluster, agent } = context();
      const driver = await CsiDriver.start(cluster);
      const volumes = {
        due: { ...ecdsa, 'common-name': 'due', duration: '10m' },
        resting: { ...ecdsa, 'common-name': 'resting', duration: '1h' },
      };
      const options = { script: watchScript('due'), spec: { securityContext: { fsGroup: 2000 } } };
      await applyPodsAndWaitReady(cluster, [certificatePod(pod.name, volumes, options)]);
      await seenBy(context, pod, 1);
      untouched = await getPod(cluster, pod);
      restingSerial = await serialOf('resting');
      await driver.uninstall();
      await makeDue(cluster, csiDriverDataRoot, volumeIdOf(untouched, 'due'));
      await agent.install({ 'app.driver.takeOver.enabled': true, 'app.driver.takeOver.csiDataDir': csiDriverDataRoot });
    });

    test('sees the due one renewed in place, and runs without interruption', async () => {
      const [first, second] = await seenBy(context, pod, 2);
      assert.notEqual(second?.serial, first?.serial);
      const { metadata, status } = await getPod(context().cluster, pod);
      assert.equal(metadata.uid, untouched.metadata.uid);
      assert.deepEqual(status.containerStatuses?.[0], untouched.status.containerStatuses?.[0]);
      for (const [name, { mode, gid }] of await readFiles(context().cluster, pod, 'due')) {
        assert.deepEqual([name, mode, gid], [name, '440', 2000]);
      }
    });

    test('keeps the one that is not due', async () => {
      assert.equal(await serialOf('resting'), restingSerial);
      assert.equal((await seenSoFar(context, pod)).length, 2);
    });

    test('leaves nothing on the node when it is deleted', async () => {
      const { cluster } = context();
      const ids = ['due', 'resting'].map((volume) => volumeIdOf(untouched, volume)).sort();
      assert.deepEqual([...(await namesIn(cluster, upstreamRoot))].sort(), ids);
      await deletePods(cluster, [pod.name]);
      assert.deepEqual(await namesIn(cluster, upstreamRoot), []);
      const mounts = (await mountPoints(cluster)).filter((path) => path.includes(untouched.metadata.uid));
      assert.deepEqual(mounts, []);
    });

    test('later pods get volumes in the agent’s own directory', async () => {
      const { cluster } = context();
      await applyPodsAndWaitReady(cluster, [certificatePod('successor', { data: { ...ecdsa, 'common-name': 'new' } })]);
      const id = volumeIdOf(await getPod(cluster, { name: 'successor' }), 'data');
      assert.deepEqual(await namesIn(cluster, upstreamRoot), []);
      assert.ok((await namesIn(cluster, volumesRoot)).includes(id));
      await deletePods(cluster, ['successor']);
    });
  });

  describe('a pod of the agent that is handed over to csi-driver', { skip }, () => {
    const handedOver = { name: 'handed-over' };
    const dataRoot = dirname(volumesRoot);
    let driver: CsiDriver;
    let untouched: PodObject;
    let resting: string;
    const restingCertificate = async (): Promise<string> =>
      textOf(await readFiles(context().cluster, handedOver, 'resting'), 'tls.crt');

    before(async () => {
      const { cluster, agent } = context();
      await agent.install({ 'app.driver.handOver.enabled': true });
      const volumes = {
        due: { ...ecdsa, 'common-name': 'due', duration: '10m' },
        resting: { ...ecdsa, 'common-name': 'resting', duration: '1h' },
      };
      const options = { script: watchScript('due'), spec: { securityContext: { fsGroup: 2000 } } };
      await applyPodsAndWaitReady(cluster, [certificatePod(handedOver.name, volumes, options)]);
      await seenBy(context, handedOver, 1);
      untouched = await getPod(cluster, handedOver);
      resting = await restingCertificate();
      await agent.uninstall();
      assert.equal((await seenSoFar(context, handedOver)).length, 1);
      await makeDue(cluster, dataRoot, volumeIdOf(untouched, 'due'));
      driver = await CsiDriver.start(cluster, dataRoot);
    });

    test('sees the due one renewed in place by that driver, and runs without interruption', async () => {
      const [first, second] = await seenBy(context, handedOver, 2);
      assert.notEqual(second?.serial, first?.serial);
      const { metadata, status } = await getPod(context().cluster, handedOver);
      assert.equal(metadata.uid, untouched.metadata.uid);
      assert.deepEqual(status.containerStatuses?.[0], untouched.status.containerStatuses?.[0]);
    });

    test('keeps the one that is not due', async () => {
      assert.equal(await restingCertificate(), resting);
      assert.equal((await seenSoFar(context, handedOver)).length, 2);
    });

    test('leaves nothing on the node when it is deleted, and the agent can be installed again', async () => {
      const { cluster, agent } = context();
      await deletePods(cluster, [handedOver.name]);
      const isGone = async (): Promise<boolean> => (await tracesOfPod(cluster, untouched)).length === 0;
      await waitUntil('nothing of the pod on the node', isGone, { timeoutMs: 60_000, intervalMs: 500 });
      await driver.uninstall();
      await agent.install();
      assert.ok(!(await mountPoints(cluster)).includes(`${dataRoot}/inmemfs`));
    });
  });
}
