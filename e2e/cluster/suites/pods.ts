import assert from 'node:assert/strict';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Cluster } from '../cluster.ts';
import { busyboxPod } from '../testing/pod.ts';

/** What a full cluster adds: a node that runs pods. */
export function podSuite(get: () => Cluster): void {
  const ready = (pod: string): Promise<unknown> =>
    get().kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s']);

  test('runs a pod of the image busybox', async (t) => {
    const cluster = get();
    const startedAt = performance.now();
    await cluster.apply(busyboxPod('plain'));
    await ready('plain');
    t.diagnostic(`ready in ${Math.round(performance.now() - startedAt)} ms`);
    const { stdout } = await cluster.kubectl(['exec', 'plain', '--', 'sh', '-c', 'mount | grep /data']);
    assert.match(stdout, /^tmpfs on \/data/);
  });

  test('has openssl in its test image for non-root users', async () => {
    const cluster = get();
    await cluster.apply(busyboxPod('unprivileged', { securityContext: { runAsUser: 1000, runAsNonRoot: true } }));
    await ready('unprivileged');
    const { stdout } = await cluster.kubectl(['exec', 'unprivileged', '--', 'sh', '-c', 'id -u; openssl version']);
    assert.match(stdout, /^1000\nOpenSSL 3/);
  });

  test('resolves and reaches services from pods', async () => {
    const cluster = get();
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
    const cluster = get();
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
    const cluster = get();
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
    const cluster = get();
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
    const cluster = get();
    if (!cluster.capabilities.node) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    await cluster.exec('sh', ['-c', 'echo here > /var/lib/kubelet/mark']);
    await access(cluster.nodePath('/var/lib/kubelet/mark'));
    await assert.rejects(access('/var/lib/kubelet/mark'));
  });

  test('keeps its pods when kubelet and containerd are killed and restarted', async (t) => {
    const cluster = get();
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
}

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
