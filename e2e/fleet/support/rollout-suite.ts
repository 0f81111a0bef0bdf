// Rollouts after renewals on a real API server: the controller of Deployments does not run, so the test writes their status.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { RolloutApi } from '../../../apps/renewal-controller/src/rollouts/rollout-api.ts';
import { RolloutPace } from '../../../apps/renewal-controller/src/rollouts/rollout-pace.ts';
import { RolloutReconciler } from '../../../apps/renewal-controller/src/rollouts/rollout-reconciler.ts';
import type { RollingVolume } from '../../../apps/renewal-controller/src/rollouts/rollout-reconciler.ts';
import { rolloutAnnotation } from '../../../apps/renewal-controller/src/rollouts/workload.ts';
import { silentLogger } from '../../../apps/renewal-controller/src/dispatch/testing/test-fleet.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import type { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { ManualClock } from '../../../libs/shared/src/manual-clock.ts';
import { render } from '../../chart/render-chart.ts';
import type { Rendered } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { waitUntil } from '../../cluster/wait.ts';

interface RolloutSuite {
  readonly cluster: () => Cluster;
  /** A client with the identity of a ServiceAccount of the namespace. */
  readonly clientAs: (account: string) => Promise<KubeClient>;
  readonly namespace: string;
}

interface Applied {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly spec: { readonly template: { readonly metadata: { readonly annotations?: Record<string, string> } } };
}

const name = 'deployment-with-rollout';
const labels = { app: name };
const account = 'certfleet-controller';
const example = join(import.meta.dirname, '../../../examples/deployment-with-rollout.yaml');
const deployments = { group: 'apps', version: 'v1', plural: 'deployments' };

/** Adds the tests to the file that has started the cluster. */
export function rolloutSuite({ cluster, clientAs, namespace }: RolloutSuite): void {
  const get = async <T>(...what: string[]): Promise<T> => {
    const { stdout } = await cluster().kubectl(['get', ...what, '-n', namespace, '-o', 'json']);
    return JSON.parse(stdout) as T;
  };
  const deployment = (): Promise<Applied> => get('deployment', name);
  const writeStatus = async (kind: string, status: object): Promise<void> => {
    const patch = ['patch', kind, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
    await cluster().kubectl([...patch, '-n', namespace]);
  };
  /** The status that the controller of Deployments would write: every pod is of the present template. */
  const settle = async (): Promise<void> => {
    const { generation } = (await deployment()).metadata;
    await writeStatus(`deployment/${name}`, { observedGeneration: generation, replicas: 2, updatedReplicas: 2 });
  };
  const owned = (object: object, owner: { kind: string; name: string; uid: string }): object => ({
    ...object,
    metadata: {
      ...(object as { metadata: object }).metadata,
      namespace,
      labels,
      ownerReferences: [{ apiVersion: 'apps/v1', controller: true, ...owner }],
    },
  });
  const meta = (of: string): object => ({ metadata: { name: of } });
  const volumeAttributes = { 'csi.cert-manager.io/reload-rollout': 'true' };
  const csi = { driver: 'csi.cert-manager.io', readOnly: true, volumeAttributes };
  const containers = [{ name: 'main', image: 'busybox' }];
  const template = { spec: { serviceAccountName: 'controller', containers } };
  const podSpec = { ...template.spec, nodeName: 'node-1', volumes: [{ name: 'tls', csi }] };
  let controller: KubeClient;
  let volumes: RollingVolume[];

  /** Pods of a ReplicaSet of the Deployment with its present template; returns the volumes that nodes would report. */
  const addPods = async (replicaSet: string): Promise<RollingVolume[]> => {
    const { metadata, spec } = await deployment();
    const { annotations = {} } = spec.template.metadata;
    const set = { apiVersion: 'apps/v1', kind: 'ReplicaSet', ...meta(replicaSet) };
    const setSpec = { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, ...template } };
    await cluster().apply([owned({ ...set, spec: setSpec }, { kind: 'Deployment', name, uid: metadata.uid })]);
    const { uid } = (await get<Applied>('replicaset', replicaSet)).metadata;
    const names = [`${replicaSet}-1`, `${replicaSet}-2`];
    const pod = (of: string): object => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: of, annotations },
      spec: podSpec,
    });
    await cluster().apply(names.map((of) => owned(pod(of), { kind: 'ReplicaSet', name: replicaSet, uid })));
    const found = await Promise.all(names.map((of) => get<Applied>('pod', of)));
    const certificate = { notBeforeMs: 0, renewAtMs: 16 * 3_600_000 };
    return found.map(({ metadata: { name: podName, uid: podUid } }) => {
      return { node: 'node-1', namespace, pod: podName, podUid, generation: 1, rollsWorkload: 1, certificate };
    });
  };

  describe('rollouts after renewals', () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 24));
    let reconciler: RolloutReconciler;
    const renewed = (generation: number) => void (volumes = volumes.map((volume) => ({ ...volume, generation })));
    const pass = async (): Promise<string | undefined> => {
      // Longer than the longest wait of a blocked workload.
      await clock.advance(3_600_000);
      await reconciler.run();
      return (await deployment()).spec.template.metadata.annotations?.[rolloutAnnotation];
    };

    before(async () => {
      const objects = await render({ 'controller.rollouts.enabled': true });
      const wanted = ({ kind, metadata }: Rendered): boolean =>
        metadata.name === `${account}-rollouts` && kind !== 'ClusterRoleBinding';
      const subjects = [{ kind: 'ServiceAccount', name: account, namespace }];
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `${account}-rollouts` };
      const own = objects.filter(wanted).map((object) => {
        // The chart is installed in another namespace than the account of this test.
        const text = JSON.stringify(object).replaceAll(
          /system:serviceaccount:[^:]+:/g,
          `system:serviceaccount:${namespace}:`,
        );
        return JSON.parse(text) as object;
      });
      assert.equal(own.length, 3, 'role, policy and binding of the policy');
      await cluster().apply([
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace } },
        ...own,
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          ...meta('rollouts'),
          roleRef,
          subjects,
        },
      ]);
      controller = await clientAs(account);
      await cluster().kubectl(['apply', '-n', namespace, '-f', example]);
      assert.match(await readFile(example, 'utf8'), /reload-rollout: 'true'/);
      volumes = await addPods('first');
      await settle();
      reconciler = reconcilerOf();
    });

    const reconcilerOf = (): RolloutReconciler =>
      new RolloutReconciler({
        api: new RolloutApi({ client: controller, replica: 'r', clock: systemClock, log: silentLogger }),
        volumes: () => volumes,
        isCurrent: () => true,
        hasLease: () => Promise.resolve(true),
        pace: new RolloutPace({ fleet: 600, namespace: 600 }, clock),
        observe: { rolloutEnded: () => undefined, rolloutsBlocked: () => undefined },
        clock,
        log: silentLogger,
      });

    test('the policy lets the controller change nothing but the annotation', async () => {
      const patch = (body: object): Promise<unknown> =>
        controller.request({ verb: 'patch', resource: deployments, namespace, name, body, query: { dryRun: 'All' } });
      const container = { name: 'main', image: 'evil' };
      const image = { spec: { template: { spec: { containers: [container] } } } };
      const isDenied = async (): Promise<boolean> => {
        try {
          await patch(image);
          return false;
        } catch (thrown) {
          return String(thrown).includes('may change only the annotation');
        }
      };
      await waitUntil('the policy to be in force', isDenied, { timeoutMs: 60_000, intervalMs: 500 });
      const denied = [
        { spec: { replicas: 0 } },
        { spec: { paused: true } },
        { spec: { strategy: { type: 'Recreate', rollingUpdate: null } } },
        { metadata: { labels: { more: 'x' } } },
        { metadata: { finalizers: ['example.com/x'] } },
        { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }] } },
        { spec: { template: { metadata: { annotations: { other: 'x' } } } } },
        { spec: { template: { metadata: { labels: { more: 'x' } } } } },
        { spec: { template: { spec: { serviceAccountName: 'admin' } } } },
      ];
      for (const body of denied)
        await assert.rejects(patch(body), /may change only the annotation/, JSON.stringify(body));
      await patch({ spec: { template: { metadata: { annotations: { [rolloutAnnotation]: 'x' } } } } });
    });

    test('a renewal of the pods of a Deployment rolls it once, and its new pods do not roll it', async () => {
      assert.equal(await pass(), undefined);
      const own = volumes;
      volumes = own.map((volume) => ({ ...volume, node: 'node-2', generation: 2 }));
      assert.equal(await pass(), undefined, 'reports of another node');
      volumes = own;
      renewed(2);
      const first = await pass();
      assert.match(first ?? '', /^2026-11-24T/);
      await settle();
      assert.equal(await pass(), first);
      const { items } = await get<{ items: { message: string }[] }>(
        'events',
        '--field-selector=reason=CertificateRollout',
      );
      assert.equal(items.length, 1);
      volumes = await addPods('second');
      assert.equal(await pass(), first);
      renewed(2);
      const second = await pass();
      assert.notEqual(second, first);
      await settle();
    });

    test('a PodDisruptionBudget that allows too little blocks the rollout until it allows more', async () => {
      const body = { spec: { strategy: { rollingUpdate: { maxUnavailable: 1 } } } };
      await cluster().kubectl([
        'patch',
        'deployment',
        name,
        '-n',
        namespace,
        '--type=merge',
        '-p',
        JSON.stringify(body),
      ]);
      const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name, namespace } };
      await cluster().apply([{ ...budget, spec: { minAvailable: 2, selector: { matchLabels: labels } } }]);
      const allow = (disruptionsAllowed: number): Promise<void> =>
        writeStatus(`poddisruptionbudget/${name}`, {
          ...{ observedGeneration: 1, disruptionsAllowed },
          ...{ currentHealthy: 2, desiredHealthy: 2, expectedPods: 2 },
        });
      await allow(0);
      volumes = await addPods('third');
      await settle();
      const before = await pass();
      renewed(2);
      assert.equal(await pass(), before);
      const { items } = await get<{ items: { message: string }[] }>(
        'events',
        '--field-selector=reason=CertificateRolloutBlocked',
      );
      assert.match(items[0]?.message ?? '', /PodDisruptionBudget deployment-with-rollout allows 0 disruptions/);
      await allow(1);
      assert.notEqual(await pass(), before);
    });
  });
}
