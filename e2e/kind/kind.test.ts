// The chart on kind, with images built from its Dockerfile: two nodes, each a container that boots systemd.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';

import type { VolumeRow } from '../../libs/operator-api/src/volumes.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { createCaIssuer, type CaIssuer } from '../cluster/issuers.ts';
import { waitUntil } from '../cluster/wait.ts';
import { startEngine } from '../docker/engine-of-test.ts';
import { certfleetInController, createOperator } from '../node/fleet/fleet-api.ts';
import { FleetRelease } from '../node/fleet/fleet-release.ts';
import { certificatePod, defaultIssuer, defaultNamespace } from '../node/support/certificate-pod.ts';
import { tracesOfPod } from '../node/support/node-state.ts';
import { publicKeyOf } from '../node/support/openssl.ts';
import { readFiles, textOf } from '../node/support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods, getPod } from '../node/support/pods.ts';
import { countReady, releaseName, releaseNamespace, type ComponentName } from '../node/support/release.ts';
import { KindCluster, kindNodes } from './kind-cluster.ts';

const podOn = (node: string): { readonly name: string } => ({ name: `on-${node}` });

/** A separate key and the name of the pod on that node. */
const podFor = (node: string): object => {
  const attributes = { 'key-algorithm': 'ECDSA', 'dns-names': '$POD_NAME.$POD_NAMESPACE.svc' };
  return certificatePod(podOn(node).name, { data: attributes }, { spec: { nodeName: node } });
};

describe('the chart on kind', () => {
  test('is installed as a whole by helm and uninstalled', async (t) => {
    const docker = await startEngine(t);
    if (docker === undefined) return;
    const kind = await KindCluster.start(docker.engine, console.log);
    const cluster = await kind.connect();
    const fleet = new FleetRelease(cluster);
    const prepare = async (): Promise<CaIssuer> => {
      await cluster.createNamespace(defaultNamespace);
      return createCaIssuer(cluster, { name: defaultIssuer });
    };
    const [{ caCertificate }] = await Promise.all([prepare(), fleet.buildImages()]);

    /** The certificate of the pod on a node, after checking its issuer and key. */
    const certificateOn = async (node: string): Promise<X509Certificate> => {
      const files = await readFiles(cluster, podOn(node), 'data');
      const certificate = new X509Certificate(textOf(files, 'tls.crt'));
      const publicKey = certificate.publicKey.export({ type: 'spki', format: 'pem' }).trim();
      assert.equal(await publicKeyOf(textOf(files, 'tls.key')), publicKey);
      assert.ok(certificate.verify(new X509Certificate(caCertificate).publicKey));
      return certificate;
    };

    await t.test('an agent per node, the controller and its Redis become ready', async () => {
      await fleet.install();
      const ready = (component: ComponentName): Promise<number> => countReady(cluster, component);
      assert.deepEqual([await ready('node-agent'), await ready('renewal-controller'), await ready('redis')], [2, 2, 1]);
    });

    await t.test('a pod on each node gets its own certificate', async () => {
      await applyPodsAndWaitReady(cluster, kindNodes.map(podFor));
      for (const node of kindNodes) {
        assert.ok((await certificateOn(node)).checkHost(`${podOn(node).name}.${defaultNamespace}.svc`));
      }
    });

    await t.test('the controller lists the volumes by node and renews all of them', async () => {
      const token = await createOperator(cluster, 'operator', 'renew');
      const list = async (): Promise<readonly VolumeRow[]> => {
        const answer = await certfleetInController(cluster, token, 'list', '--output', 'json');
        return (JSON.parse(answer) as { readonly volumes: readonly VolumeRow[] }).volumes;
      };
      const isListed = async (): Promise<boolean> => (await list()).length === kindNodes.length;
      await waitUntil('the controller to list the volumes', isListed, { timeoutMs: 60_000, intervalMs: 500 });
      assert.deepEqual(
        (await list()).map(({ node, pod }) => [node, pod]).sort(),
        kindNodes.map((node) => [node, podOn(node).name]),
      );
      const before = await Promise.all(kindNodes.map(certificateOn));
      const wanted = ['--namespace', defaultNamespace, '--reason', 'a test', '--wait'];
      assert.match(
        await certfleetInController(cluster, token, 'renew', ...wanted),
        /2 of 2 renewed, 0 failed attempts\n/,
      );
      const after = await Promise.all(kindNodes.map(certificateOn));
      for (const [index, { serialNumber }] of after.entries())
        assert.notEqual(serialNumber, before[index]?.serialNumber);
    });

    await t.test('deleted pods leave nothing on their nodes', async () => {
      const pods = await Promise.all(kindNodes.map((node) => getPod(cluster, podOn(node))));
      const traces = async (): Promise<readonly (readonly string[])[]> =>
        Promise.all(
          kindNodes.map((node, index) => {
            const onNode: Cluster = { ...cluster, exec: (command, args) => kind.execOnNode(node, [command, ...args]) };
            return tracesOfPod(onNode, pods[index] ?? assert.fail(`expected a pod on ${node}`));
          }),
        );
      assert.ok((await traces()).every((found) => found.length > 0));
      const names = kindNodes.map((node) => podOn(node).name);
      await deletePods(cluster, names);
      const areGone = async (): Promise<boolean> => (await traces()).flat().length === 0;
      await waitUntil('the nodes to have nothing left of the pods', areGone, { timeoutMs: 30_000, intervalMs: 300 });
    });

    await t.test('helm uninstall leaves neither objects nor a registered driver', async () => {
      await cluster.helm(['uninstall', releaseName, '--namespace', releaseNamespace, '--wait', '--timeout=2m']);
      await assert.rejects(cluster.kubectl(['get', 'csidriver', 'csi.cert-manager.io']), /not found/i);
      // Helm waits for the DaemonSet, not for its pods, which end last.
      const areUnregistered = async (): Promise<boolean> => {
        const lists = kindNodes.map((node) => kind.execOnNode(node, ['ls', '/var/lib/kubelet/plugins_registry']));
        return (await Promise.all(lists)).every(({ stdout }) => !stdout.includes('cert-manager'));
      };
      await waitUntil('the driver to be unregistered', areUnregistered, { timeoutMs: 60_000, intervalMs: 300 });
    });

    await t.test('the machine is unchanged', async () => {
      await cluster.stop();
      await docker.expectNoTrace();
    });
  });
});
