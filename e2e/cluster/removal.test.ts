import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';

import { startCluster, type Cluster } from './cluster.ts';
import { waitUntil } from './wait.ts';
import { busyboxPod } from './testing/pod.ts';
import { marksOf, tracesOf } from './testing/traces.ts';

const external = (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') !== '';
const skip = external ? 'the cluster of CERTFLEET_E2E_KUBECONFIG stays' : false;

async function hostMounts(): Promise<string> {
  return readFile('/proc/self/mounts', 'utf8');
}

/** Settings that a kubelet changes on its own machine. */
async function kernelSettings(): Promise<string[]> {
  const names = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'];
  return Promise.all(names.map((name) => readFile(join('/proc/sys', name), 'utf8')));
}

describe('removal of clusters', { skip }, () => {
  test('keeps two clusters apart and removes both completely', async () => {
    const mountsBefore = await hostMounts();
    const settingsBefore = await kernelSettings();
    const clusters = await Promise.all([
      startCluster({ nodes: 'full' }),
      startCluster({ nodes: 'control-plane', certManager: { approver: false } }),
    ]);
    await using kept = new AsyncDisposableStack();
    const marks = await Promise.all(clusters.map(({ name }) => marksOf(name)));
    for (const mark of marks) kept.use(mark);
    try {
      const [full, controlPlane] = clusters;
      await full.apply(busyboxPod('one'));
      await full.kubectl(['wait', '--for=condition=Ready', 'pod/one', '--timeout=60s']);
      await assert.rejects(controlPlane.kubectl(['get', 'pod', 'one']), /not found/);
      await assertMountsStayInside(full, mountsBefore);
      assert.deepEqual(await kernelSettings(), settingsBefore);
      for (const mark of marks) assert.notDeepEqual(await tracesOf(mark), []);
      await controlPlane.stop();
      // Removing one must not affect the other.
      await full.kubectl(['exec', 'one', '--', 'true']);
    } finally {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
    }
    for (const mark of marks) assert.deepEqual(await tracesOf(mark), []);
  });

  test('ends a cluster whose owner is killed, and removes its remains at the next start', async () => {
    const owner = spawn(process.execPath, [join(import.meta.dirname, 'testing/keep-cluster.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    await using marks = await marksOf(line);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const ended = async (): Promise<boolean> => !(await tracesOf(marks)).some((trace) => trace.startsWith('process'));
    await waitUntil('the processes of the cluster to end with its owner', ended, { timeoutMs: 20_000 });
    assert.notDeepEqual(await tracesOf(marks), []);

    await using next = await startCluster({ nodes: 'control-plane', certManager: false });
    assert.deepEqual(await tracesOf(marks), []);
    await next.kubectl(['get', 'namespaces']);
  });

  test('keeps a cluster with a running owner when another one starts', async () => {
    await using first = await startCluster({ nodes: 'control-plane', certManager: false });
    await using second = await startCluster({ nodes: 'control-plane', certManager: false });
    assert.notEqual(first.name, second.name);
    await first.kubectl(['get', 'namespaces']);
  });

  test('leaves nothing after a failed start', async () => {
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

/** The volumes of pods are mounted on the node only. */
async function assertMountsStayInside(full: Cluster, before: string): Promise<void> {
  const { stdout } = await full.exec('cat', ['/proc/self/mounts']);
  assert.match(stdout, /tmpfs \/var\/lib\/kubelet\/pods\/\S+\/volumes\/kubernetes.io~empty-dir\/data/);
  const isOfKubelet = (line: string): boolean => line.includes('/kubelet/pods/');
  const ofKubelet = (mounts: string): string[] => mounts.split('\n').filter(isOfKubelet);
  assert.deepEqual(ofKubelet(await hostMounts()), ofKubelet(before));
}
