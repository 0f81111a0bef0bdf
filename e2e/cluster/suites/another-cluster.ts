import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { startCluster, type Cluster } from '../cluster.ts';
import { createCaIssuer } from '../issuers.ts';
import { createRequest } from '../testing/certificate-request.ts';
import { marksOf, tracesOf } from '../testing/traces.ts';
import { waitUntil } from '../wait.ts';

/** A quiet machine with two cores needs five seconds; the rest is for a busy machine. */
const startLimitMs = 30_000;

/** The state of this machine that a node must not change. */
export interface MachineState {
  readonly mounts: string;
  readonly settings: readonly string[];
}

/** @returns the current state */
export async function machineState(): Promise<MachineState> {
  // Settings that a kubelet changes on its own machine.
  const names = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'];
  const settings = await Promise.all(names.map((name) => readFile(join('/proc/sys', name), 'utf8')));
  return { mounts: await readFile('/proc/self/mounts', 'utf8'), settings };
}

/** A second cluster, a control plane, beside the full one; both are stopped. */
export function anotherClusterSuite(get: () => Cluster, stateBefore: () => MachineState): void {
  let another: Cluster | undefined;
  const controlPlane = (): Cluster => another ?? assert.fail('the control plane did not start');
  after(() => another?.stop());

  test('its start removes what a cluster leaves whose owner was killed, and no other cluster', async (t) => {
    const owner = spawn(process.execPath, [join(import.meta.dirname, '../testing/keep-cluster.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    await using marks = await marksOf(line);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const ended = async (): Promise<boolean> => !(await tracesOf(marks)).some((trace) => trace.startsWith('process'));
    await waitUntil('the processes of the cluster to end with its owner', ended, {
      timeoutMs: 20_000,
      intervalMs: 200,
    });
    assert.notDeepEqual(await tracesOf(marks), []);

    const startedAt = performance.now();
    another = await startCluster({ nodes: 'control-plane', certManager: false });
    const startMs = performance.now() - startedAt;
    t.diagnostic(`started in ${Math.round(startMs)} ms`);
    assert.ok(startMs < startLimitMs, `took ${startMs} ms`);
    assert.deepEqual(await tracesOf(marks), []);
    for (const each of [another, get()]) await each.kubectl(['get', 'namespaces']);
    assert.notEqual(another.name, get().name);
  });

  test('both are kept apart, and off this machine', async () => {
    await assert.rejects(controlPlane().kubectl(['get', 'pod', 'plain']), /not found/);
    const { mounts, settings } = stateBefore();
    await assertMountsStayInside(get(), mounts);
    assert.deepEqual((await machineState()).settings, settings);
  });

  test('a control plane explains why a part is missing', async () => {
    await assert.rejects(controlPlane().kubelet.start(), /kubelet is not available: .*control plane/);
  });

  describe('as the cluster of CERTFLEET_E2E_KUBECONFIG', () => externalClusterSuite(controlPlane));

  test('both are removed completely, one without an effect on the other', async () => {
    const cluster = get();
    await using kept = new AsyncDisposableStack();
    const marks = await Promise.all([cluster, controlPlane()].map(({ name }) => marksOf(name)));
    for (const mark of marks) kept.use(mark);
    for (const mark of marks) assert.notDeepEqual(await tracesOf(mark), []);
    await controlPlane().stop();
    await cluster.kubectl(['exec', 'after-restart', '--', 'true']);
    await cluster.stop();
    for (const mark of marks) assert.deepEqual(await tracesOf(mark), []);
  });
}

/** An external cluster: the tests only get its kubeconfig. */
function externalClusterSuite(owner: () => Cluster): void {
  before(async () => {
    process.env['CERTFLEET_E2E_KUBECONFIG'] = await owner().localKubeconfig();
  });
  after(() => {
    delete process.env['CERTFLEET_E2E_KUBECONFIG'];
  });

  test('gets a cert-manager if it has none, which is removed afterwards', async () => {
    const cluster = await startCluster({ nodes: 'full' });
    try {
      assert.equal(cluster.capabilities.certManagerOptions, true);
      const issuer = await createCaIssuer(cluster, { name: 'external-ca' });
      await createRequest(cluster, issuer, { name: 'external', namespace: 'default' });
      await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequest/external', '--timeout=30s']);
    } finally {
      await cluster.stop();
    }
    const { stdout } = await owner().kubectl(['get', 'crd', '--output', 'name']);
    assert.equal(stdout, '');
  });

  test('gets it a second time, with the objects that the first run left', async () => {
    await using cluster = await startCluster({ nodes: 'full', certManager: { approver: false } });
    await createCaIssuer(cluster, { name: 'external-ca' });
  });

  test('reports unsupported operations', async () => {
    await using cluster = await startCluster({ nodes: 'full', certManager: false });
    const { components, node, images, reason } = cluster.capabilities;
    assert.deepEqual({ components, node, images }, { components: false, node: false, images: false });
    await assert.rejects(cluster.apiServer.kill(), new RegExp(reason));
    await assert.rejects(cluster.buildImages([{ tag: 'none', context: '.' }]), new RegExp(reason));
    await assert.rejects(cluster.exec('true', []), new RegExp(reason));
    assert.throws(() => cluster.logs('etcd'), new RegExp(reason));
    assert.deepEqual(cluster.enterNamespace, []);
  });
}

/** The volumes of pods are mounted on the node only. */
async function assertMountsStayInside(full: Cluster, before: string): Promise<void> {
  const { stdout } = await full.exec('cat', ['/proc/self/mounts']);
  assert.match(stdout, /tmpfs \/var\/lib\/kubelet\/pods\/\S+\/volumes\/kubernetes.io~empty-dir\/data/);
  const isOfKubelet = (line: string): boolean => line.includes('/kubelet/pods/');
  const ofKubelet = (mounts: string): string[] => mounts.split('\n').filter(isOfKubelet);
  assert.deepEqual(ofKubelet((await machineState()).mounts), ofKubelet(before));
}
