import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startCluster, type Cluster } from './cluster.ts';
import { anotherClusterSuite, machineState, type MachineState } from './suites/another-cluster.ts';
import { controlPlaneSuite } from './suites/control-plane.ts';
import { podSuite } from './suites/pods.ts';
import { tracesOf } from './testing/traces.ts';

const external = (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') !== '';

describe('a full cluster', () => {
  let cluster: Cluster;
  let stateBefore: MachineState;
  before(async () => {
    stateBefore = await machineState();
    cluster = await startCluster({ nodes: 'full', log: console.log });
  });
  after(() => cluster.stop());

  controlPlaneSuite(() => cluster);
  podSuite(() => cluster);

  describe('and another one', { skip: external ? 'the cluster of CERTFLEET_E2E_KUBECONFIG stays' : false }, () => {
    anotherClusterSuite(
      () => cluster,
      () => stateBefore,
    );
  });
});

describe('a cluster that fails to start', () => {
  test('leaves nothing', { skip: external && 'it is not started by the test' }, async () => {
    const lines: string[] = [];
    const start = startCluster({
      nodes: 'control-plane',
      apiServerArgs: ['--no-such-flag'],
      log: (line) => lines.push(line),
    });
    await assert.rejects(start, /kube-apiserver exited before it was ready.*unknown flag: --no-such-flag/s);
    const name = /certfleet-[0-9a-f]{6}/.exec(lines.join())?.[0] ?? '';
    assert.deepEqual(await tracesOf({ name, namespaces: [] }), []);
  });
});
