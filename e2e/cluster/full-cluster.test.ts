import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { startCluster, type Cluster } from './cluster.ts';
import { busyboxPod } from './testing/pod.ts';
import { marksOf, tracesOf } from './testing/traces.ts';
import { waitUntil } from './wait.ts';

const external = (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') !== '';

async function hostMounts(): Promise<string> {
  return readFile('/proc/self/mounts', 'utf8');
}

/** Settings that a kubelet changes on its own machine. */
async function kernelSettings(): Promise<string[]> {
  const names = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'];
  return Promise.all(names.map((name) => readFile(join('/proc/sys', name), 'utf8')));
}

describe('full cluster', () => {
  let cluster: Cluster;
  const ready = (pod: string): Promise<unknown> =>
    cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s']);
  let mountsBefore: string;
  let settingsBefore: readonly string[];
  before(async () => {
    mountsBefore = await hostMounts();
    settingsBefore = await kernelSettings();
    cluster = await startCluster({ nodes: 'full' });
  });
  after(() => cluster.stop());

  test('runs a pod of the image busybox', async (t) => {
    const startedAt = performance.now();
    await cluster.apply(busyboxPod('plain'));
    await ready('plain');
    t.diagnostic(`ready in ${Math.round(performance.now() - startedAt)} ms`);
    const { stdout } = await cluster.kubectl(['exec', 'plain', '--', 'sh', '-c', 'mount | grep /data']);
    assert.match(stdout, /^tmpfs on \/data/);
  });

  test('has openssl in its test image for non-root users', async () => {
    await cluster.apply(busyboxPod('unprivileged', { securityContext: { runAsUser: 1000, runAsNonRoot: true } }));
    await ready('unprivileged');
    const { stdout } = await cluster.kubectl(['exec', 'unprivileged', '--', 'sh', '-c', 'id -u; openssl version']);
    assert.match(stdout, /^1000\nOpenSSL 3/);
  });

  test('resolves and reaches services from pods', async () => {
    const server = {
      name: 'main',
      image: 'busybox',
      command: ['sh', '-c', 'echo hello > /tmp/index; httpd -f -p 80 -h /tmp'],
    };
    await cluster.apply([
      busyboxPod('server', { containers: [server], volumes: [] }),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'greeting', namespace: 'default' },
        spec: { selector: { app: 'server' }, ports: [{ port: 8080, targetPort: 80 }] },
      },
    ]);
    await ready('server');
    // kube-proxy and CoreDNS learn about the service with a delay. The wget of Debian's busybox crashes with -T.
    const ask =
      'until timeout 2 wget -q -O - http://greeting.default.svc.cluster.local:8080/index; do usleep 100000; done';
    const { stdout } = await cluster.kubectl(['exec', 'plain', '--', 'timeout', '30', 'sh', '-c', ask]);
    assert.equal(stdout, 'hello\n');
  });

  test('gives pods tokens that the API server accepts, for the requested audience', async () => {
    const token = { serviceAccountToken: { path: 'token', audience: 'certfleet', expirationSeconds: 600 } };
    await cluster.apply(busyboxPod('with-token', { volumes: [{ name: 'data', projected: { sources: [token] } }] }));
    await ready('with-token');
    const { stdout } = await cluster.kubectl(['exec', 'with-token', '--', 'cat', '/data/token']);
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: stdout, audiences: ['certfleet'] },
    };
    const answer = await cluster.kubectl(['create', '--output', 'json', '-f', '-'], { input: JSON.stringify(review) });
    const { status } = JSON.parse(answer.stdout) as { status: { authenticated: boolean; user: { extra: object } } };
    assert.equal(status.authenticated, true);
    assert.ok('authentication.kubernetes.io/node-name' in status.user.extra);
  });

  test('builds an image whose steps use npm, and runs it', async (t) => {
    if (!cluster.capabilities.images) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    const context = await mkdtemp(join(tmpdir(), 'certfleet-context-'));
    try {
      await writeFile(join(context, 'package.json'), '{ "name": "greeter", "version": "1.0.0", "private": true }');
      await writeFile(join(context, 'Dockerfile'), dockerfile);
      await cluster.buildImages([{ tag: 'certfleet/greeter:test', context }]);
    } finally {
      await rm(context, { recursive: true });
    }
    const containers = [{ name: 'main', image: 'certfleet/greeter:test' }];
    await cluster.apply(busyboxPod('greeter', { containers, volumes: [], restartPolicy: 'Never' }));
    const succeeded = '--for=jsonpath={.status.phase}=Succeeded';
    await cluster.kubectl(['wait', succeeded, 'pod/greeter', '--timeout=60s']);
    const { stdout } = await cluster.kubectl(['logs', 'greeter']);
    assert.match(stdout, /^26\.\d+\.\d+ 7\.7\.4\n$/);
  });

  test('lets a pod mount for the node and for other pods, like CSI drivers', async () => {
    const folder = { name: 'data', hostPath: { path: '/var/lib/kubelet/plugins/test', type: 'DirectoryOrCreate' } };
    const withFolder = (name: string, container: object): object => {
      const base = { name: 'main', image: 'busybox', command: ['sleep', 'infinity'] };
      return busyboxPod(name, { volumes: [folder], containers: [{ ...base, ...container }] });
    };
    const mount = (mountPropagation: string): object[] => [{ name: 'data', mountPath: '/data', mountPropagation }];
    await cluster.apply([
      withFolder('driver', { securityContext: { privileged: true }, volumeMounts: mount('Bidirectional') }),
      withFolder('consumer', { volumeMounts: mount('HostToContainer') }),
    ]);
    await ready('driver');
    await ready('consumer');
    const script = 'mkdir /data/volume && mount -t tmpfs tmpfs /data/volume && echo there > /data/volume/file';
    await cluster.kubectl(['exec', 'driver', '--', 'sh', '-c', script]);
    const { stdout } = await cluster.kubectl(['exec', 'consumer', '--', 'cat', '/data/volume/file']);
    assert.equal(stdout, 'there\n');
  });

  test('has its own file system that the test can read', async (t) => {
    if (!cluster.capabilities.node) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    await cluster.exec('sh', ['-c', 'echo here > /var/lib/kubelet/mark']);
    await access(cluster.nodePath('/var/lib/kubelet/mark'));
    await assert.rejects(access('/var/lib/kubelet/mark'));
  });

  test('keeps its pods when kubelet and containerd are killed and restarted', async (t) => {
    if (!cluster.capabilities.components) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    const started = '--output=jsonpath={.status.containerStatuses[0].state.running.startedAt}';
    const { stdout: earlier } = await cluster.kubectl(['get', 'pod', 'plain', started]);
    await cluster.kubelet.kill('SIGKILL');
    await cluster.containerd.kill('SIGKILL');
    await cluster.containerd.start();
    await cluster.kubelet.start();
    await cluster.apply(busyboxPod('after-restart'));
    await ready('after-restart');
    assert.equal((await cluster.kubectl(['get', 'pod', 'plain', started])).stdout, earlier);
  });

  describe('and another one', { skip: external ? 'the cluster of CERTFLEET_E2E_KUBECONFIG stays' : false }, () => {
    let controlPlane: Cluster;
    before(async () => {
      controlPlane = await startCluster({ nodes: 'control-plane', certManager: { approver: false } });
    });
    after(() => controlPlane.stop());

    test('are kept apart, and off this machine', async () => {
      await assert.rejects(controlPlane.kubectl(['get', 'pod', 'plain']), /not found/);
      await assertMountsStayInside(cluster, mountsBefore);
      assert.deepEqual(await kernelSettings(), settingsBefore);
    });

    test('outlast a cluster whose owner is killed, whose remains the next start removes', async () => {
      const owner = spawn(process.execPath, [join(import.meta.dirname, 'testing/keep-cluster.ts')], {
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

      await using next = await startCluster({ nodes: 'control-plane', certManager: false });
      assert.deepEqual(await tracesOf(marks), []);
      for (const each of [next, controlPlane, cluster]) await each.kubectl(['get', 'namespaces']);
      assert.notEqual(next.name, controlPlane.name);
    });

    test('are removed completely, one without an effect on the other', async () => {
      await using kept = new AsyncDisposableStack();
      const marks = await Promise.all([cluster, controlPlane].map(({ name }) => marksOf(name)));
      for (const mark of marks) kept.use(mark);
      for (const mark of marks) assert.notDeepEqual(await tracesOf(mark), []);
      await controlPlane.stop();
      await cluster.kubectl(['exec', 'after-restart', '--', 'true']);
      await cluster.stop();
      for (const mark of marks) assert.deepEqual(await tracesOf(mark), []);
    });
  });
});

/** Two stages as in typical Dockerfiles; the package only provides its version, which no local file contains. */
const dockerfile = `
FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json .
RUN npm install semver@7.7.4
FROM node:26-bookworm-slim
COPY --from=build /app /app
WORKDIR /app
USER node
CMD ["node", "-p", "process.versions.node + ' ' + require('semver/package.json').version"]
`;

/** The volumes of pods are mounted on the node only. */
async function assertMountsStayInside(full: Cluster, before: string): Promise<void> {
  const { stdout } = await full.exec('cat', ['/proc/self/mounts']);
  assert.match(stdout, /tmpfs \/var\/lib\/kubelet\/pods\/\S+\/volumes\/kubernetes.io~empty-dir\/data/);
  const isOfKubelet = (line: string): boolean => line.includes('/kubelet/pods/');
  const ofKubelet = (mounts: string): string[] => mounts.split('\n').filter(isOfKubelet);
  assert.deepEqual(ofKubelet(await hostMounts()), ofKubelet(before));
}
