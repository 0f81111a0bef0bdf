import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { waitUntil } from '../../cluster/wait.ts';
import { applyPodsAndWaitReady, getPod, waitReady } from '../support/pods.ts';
import { countReady, podsOf, type ComponentName } from '../support/release.ts';
import { crowdIssuer, fleetPod, minutely, churning, type GetFleet } from './fleet-context.ts';
import type { FleetScale } from './fleet-scale.ts';
import { untilIndexIsWhole } from './fleet-state.ts';

/** The output of `helm get values` for a release of cert-manager's csi-driver. */
const formerDriverValues = {
  imageRegistry: 'quay.io',
  imageNamespace: 'jetstack',
  image: { name: 'cert-manager-csi-driver', tag: 'v0.13.0' },
  nodeDriverRegistrarImage: { name: 'csi-node-driver-registrar', tag: 'v2.16.0' },
  livenessProbeImage: { name: 'livenessprobe', tag: 'v2.18.0' },
  metrics: { port: 9402 },
  tolerations: [{ operator: 'Exists' }],
  priorityClassName: 'system-node-critical',
};

/** Values for the later tests: short heartbeats, probes, signals, all logs, and a lane with limits that the pods reach. */
const testValues = ({ lane }: FleetScale) => ({
  app: { logLevel: 5, driver: { probe: { enabled: true, interval: '10s' }, reloadSignals: { enabled: true } } },
  controller: {
    logLevel: 5,
    heartbeatInterval: '2s',
    lanePolicies: { overrides: [{ issuer: `ClusterIssuer.cert-manager.io//${crowdIssuer}`, policy: lane }] },
  },
});

/** Installs the chart with one command, adds pods, and upgrades it. */
export function installationSuite(context: GetFleet): void {
  describe('helm install with default values', () => {
    let notes: string;
    before(async () => {
      notes = await context().fleet.install();
      await context().join();
    });

    test('starts agent, controller and Redis, all of them ready', async () => {
      const ready = (component: ComponentName): Promise<number> => countReady(context().cluster, component);
      assert.deepEqual([await ready('node-agent'), await ready('renewal-controller'), await ready('redis')], [1, 2, 1]);
      assert.match(notes, /certfleet-renew/);
      assert.doesNotMatch(notes, /IGNORED/);
    });

    test('connects the agent to the controller', async (t) => {
      const startedAt = performance.now();
      const isConnected = async (): Promise<boolean> =>
        (await context().fleet.metric('node-agent', 'certfleet_agent_controller_connected')) === 1;
      await waitUntil('the agent to be connected', isConnected, { timeoutMs: 90_000, intervalMs: 200 });
      t.diagnostic(`connected ${((performance.now() - startedAt) / 1000).toFixed(1)} s after all was ready`);
    });

    test('gives pods their certificates, which the controller lists', async () => {
      const { cluster, reader } = context();
      const pods = [
        ...minutely.map((name) => fleetPod(name, { duration: '60s' })),
        fleetPod(churning, { duration: '30s' }),
      ];
      await applyPodsAndWaitReady(cluster, pods);
      reader.add(...(await Promise.all([...minutely, churning].map((name) => getPod(cluster, { name })))));
      await untilIndexIsWhole(context());
    });
  });

  describe('helm upgrade with the values file of the upstream driver, while pods start', () => {
    let notes: string;
    before(async () => {
      const { cluster, fleet, crowd, scale } = context();
      await cluster.apply(crowd.map((name) => fleetPod(name, { 'issuer-name': crowdIssuer })));
      notes = await fleet.upgrade({ ...formerDriverValues, ...testValues(scale) });
    });

    test("keeps everything running, with the chart's own images", async () => {
      assert.match(notes, /IGNORED: image names the image of cert-manager's csi-driver/);
      const pods = await Promise.all(
        (['node-agent', 'renewal-controller'] as const).map((name) => podsOf(context().cluster, name)),
      );
      const images = pods.flat().map(({ spec }) => spec.containers.map(({ image }) => image).join());
      assert.deepEqual(images, [
        'certfleet/node-agent:0.1.0',
        'certfleet/renewal-controller:0.1.0',
        'certfleet/renewal-controller:0.1.0',
      ]);
    });

    test('lets every pod start and misses no renewal', async () => {
      const { cluster, reader, crowd } = context();
      await waitReady(cluster, { names: crowd, timeoutMs: 120_000 });
      reader.add(...(await Promise.all(crowd.map((name) => getPod(cluster, { name })))));
      const isRenewed = (): Promise<boolean> => Promise.resolve(reader.seenBy(churning).length > 1);
      await waitUntil(`${churning} to be renewed`, isRenewed, { timeoutMs: 30_000 });
      await untilIndexIsWhole(context());
      assert.deepEqual(reader.problems, []);
    });
  });
}
