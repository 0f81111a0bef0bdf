import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { withoutController } from './controller-values.ts';
import { upstreamValues } from './upstream-values.ts';
import { chartPath, helm, kubernetesVersion, objectOf, render as renderWhole, renderText } from './render-chart.ts';
import type { Rendered, RenderOptions } from './render-chart.ts';

/** Renders the chart without the controller; see controller-chart.test.ts for the rest. */
function render(values: object = {}, options?: RenderOptions): Promise<Rendered[]> {
  return renderWhole({ ...withoutController, ...values }, options);
}

interface PodSpec {
  readonly containers: readonly {
    readonly image: string;
    readonly args: readonly string[];
    readonly command?: readonly string[];
    readonly [key: string]: unknown;
  }[];
  readonly volumes: readonly { readonly name: string; readonly hostPath: { readonly path: string } }[];
  readonly [field: string]: unknown;
}

function podSpec(objects: readonly Rendered[]): PodSpec {
  return (objectOf(objects, 'DaemonSet')['spec'] as { template: { spec: PodSpec } }).template.spec;
}

function container(objects: readonly Rendered[]): PodSpec['containers'][number] {
  const [only, another] = podSpec(objects).containers;
  assert.ok(only !== undefined && another === undefined, 'expected one container without a sidecar');
  return only;
}

const specOf = (objects: readonly Rendered[], kind: string): Record<string, unknown> =>
  objectOf(objects, kind)['spec'] as Record<string, unknown>;
const hostPaths = (objects: readonly Rendered[]): Record<string, string> =>
  Object.fromEntries(podSpec(objects).volumes.map(({ name, hostPath }) => [name, hostPath.path]));
const rulesOf = (objects: readonly Rendered[], kind: string): unknown => objectOf(objects, kind)['rules'];

const requests = (...verbs: string[]): object => ({
  apiGroups: ['cert-manager.io'],
  resources: ['certificaterequests'],
  verbs,
});
const events = { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] };
const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };

describe('the agent with default values', () => {
  it('passes helm lint --strict', async () => {
    await helm('lint', '--strict', '--kube-version', kubernetesVersion, chartPath);
  });

  it('renders five objects', async () => {
    const kinds = (await render()).map(({ kind }) => kind).sort();
    assert.deepEqual(kinds, ['CSIDriver', 'ClusterRole', 'ClusterRoleBinding', 'DaemonSet', 'ServiceAccount']);
  });

  it('grants only certificate requests and events', async () => {
    const objects = await render();
    assert.deepEqual(rulesOf(objects, 'ClusterRole'), [requests('create', 'get', 'list', 'watch', 'delete'), events]);
  });

  it('keeps its data out of /tmp and its root file system read-only', async () => {
    const objects = await render();
    assert.equal(hostPaths(objects)['csi-data-dir'], '/var/lib/certfleet');
    const { privileged, readOnlyRootFilesystem } = container(objects)['securityContext'] as Record<string, unknown>;
    assert.deepEqual({ privileged, readOnlyRootFilesystem }, { privileged: true, readOnlyRootFilesystem: true });
    assert.equal(podSpec(objects)['hostNetwork'], undefined);
    assert.equal(podSpec(objects)['hostPID'], undefined);
  });

  it('declares ephemeral volumes without token requests', async () => {
    assert.deepEqual(specOf(await render(), 'CSIDriver'), {
      attachRequired: false,
      podInfoOnMount: true,
      volumeLifecycleModes: ['Ephemeral'],
      fsGroupPolicy: 'None',
      seLinuxMount: false,
    });
  });
});

describe('a values file of cert-manager’s csi-driver', () => {
  it('is applied to the agent’s command line', async () => {
    const { args } = container(await render(upstreamValues));
    for (const expected of [
      '--driver-name=csi.example.com',
      '--log-level=5',
      '--use-token-request=true',
      '--continue-on-not-ready=true',
      '--kube-api-qps=50',
      '--kube-api-burst=100',
      '--pod-readiness-gate=pod-ip:any',
      '--pod-readiness-gate=pod-condition:Ready=True',
      '--gate-backoff-duration=2s',
      '--gate-backoff-factor=3',
      '--gate-backoff-jitter=0.1',
      '--gate-backoff-cap=1m',
      '--metrics-bind-address=:9999',
      '--health-bind-address=:9810',
      '--kubelet-registration-path=/var/lib/k0s/kubelet/plugins/csi.example.com/csi.sock',
    ]) {
      assert.ok(args.includes(expected), `expected ${expected} in ${args.join(' ')}`);
    }
  });

  it('is applied to the pod', async () => {
    const objects = await render(upstreamValues);
    const spec = podSpec(objects);
    assert.deepEqual(
      [spec['nodeSelector'], spec['tolerations'], spec['affinity'], spec['priorityClassName'], spec['hostNetwork']],
      [upstreamValues.nodeSelector, upstreamValues.tolerations, upstreamValues.affinity, 'system-node-critical', true],
    );
    assert.deepEqual(spec['imagePullSecrets'], upstreamValues.imagePullSecrets);
    assert.equal((container(objects)['resources'] as { limits: { memory: string } }).limits.memory, '256Mi');
    assert.deepEqual(hostPaths(objects), {
      'plugin-dir': '/var/lib/k0s/kubelet/plugins/csi.example.com',
      'registration-dir': '/var/lib/k0s/kubelet/plugins_registry',
      'pods-mount-dir': '/var/lib/k0s/kubelet/pods',
      'csi-data-dir': '/tmp/cert-manager-csi-driver',
    });
    for (const { metadata } of objects) assert.equal(metadata.labels['cost-center'], 'security');
  });

  it('is applied to the PodMonitor', async () => {
    const monitor = objectOf(await render(upstreamValues), 'PodMonitor');
    assert.equal(monitor.metadata.namespace, 'monitoring');
    assert.equal(monitor.metadata.labels['prometheus'], 'main');
    const { podMetricsEndpoints, namespaceSelector } = monitor['spec'] as Record<string, unknown>;
    assert.deepEqual(namespaceSelector, { matchNames: ['cert-manager'] });
    assert.deepEqual(podMetricsEndpoints, [
      {
        port: 'http-metrics',
        path: '/metrics',
        interval: '15s',
        scrapeTimeout: '5s',
        honorLabels: true,
        relabelings: [
          { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' },
          ...upstreamValues.metrics.podmonitor.endpointAdditionalProperties.relabelings,
        ],
      },
    ]);
  });

  it('never installs the upstream image, and adds the controller and its Redis', async () => {
    const images = (await renderWhole(upstreamValues)).flatMap(({ spec }) => {
      const { template } = (spec ?? {}) as { template?: { spec: PodSpec } };
      return template?.spec.containers.map(({ image }) => image) ?? [];
    });
    assert.deepEqual(images.sort(), [
      'certfleet/node-agent:0.1.0',
      'certfleet/renewal-controller:0.1.0',
      'valkey/valkey:8.1-alpine',
    ]);
  });
});

describe('the image', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const cases: readonly (readonly [object, string])[] = [
    [{ imageRegistry: 'registry.example.com' }, 'registry.example.com/certfleet/node-agent:0.1.0'],
    [{ imageRegistry: 'r.example', imageNamespace: 'a/b', image: { name: 'c' } }, 'r.example/a/b/c:0.1.0'],
    [{ imageNamespace: '' }, 'node-agent:0.1.0'],
    [{ image: { repository: 'r.example/agent', tag: 'v2' } }, 'r.example/agent:v2'],
    [{ image: { registry: 'r.example', repository: 'agent' } }, 'r.example/agent:0.1.0'],
    [{ image: { digest } }, `certfleet/node-agent@${digest}`],
    [{ image: { tag: 'v2', digest } }, `certfleet/node-agent:v2@${digest}`],
    // A mirror keeps the registry; upstream's image name and version never apply.
    [
      {
        imageRegistry: 'm.example',
        imageNamespace: 'jetstack',
        image: { name: 'cert-manager-csi-driver', tag: 'v0.13.0' },
      },
      'm.example/certfleet/node-agent:0.1.0',
    ],
    [{ image: { repository: 'm.example/x/cert-manager-csi-driver', digest } }, 'certfleet/node-agent:0.1.0'],
  ];
  for (const [values, expected] of cases) {
    it(`is ${expected} for ${JSON.stringify(values).replaceAll(digest, 'sha256:…')}`, async () => {
      assert.equal(container(await render(values)).image, expected);
    });
  }
});

describe('token-request mode', () => {
  const values = { 'app.driver.useTokenRequest': true };

  it('requests tokens from the kubelet, in the secrets field if the cluster supports it', async () => {
    const tokens = { tokenRequests: [{ audience: '', expirationSeconds: 3600 }], requiresRepublish: true };
    const latest = specOf(await render(values), 'CSIDriver');
    const earlier = specOf(await render(values, { kubeVersion: '1.34.9' }), 'CSIDriver');
    assert.partialDeepStrictEqual(latest, { ...tokens, serviceAccountTokenInSecrets: true });
    assert.partialDeepStrictEqual(earlier, tokens);
    assert.ok(!('serviceAccountTokenInSecrets' in earlier), 'an older API server would warn about the unknown field');
  });

  it("removes the agent's permission to create requests", async () => {
    assert.deepEqual(rulesOf(await render(values), 'ClusterRole'), [
      requests('get', 'list', 'watch', 'delete'),
      events,
    ]);
  });
});

describe('the agent with optional features', () => {
  it('lets the agent read pods only with readiness gates', async () => {
    const objects = await render({ 'app.driver.podReadinessGates': ['pod-ip:ipv4'] });
    const rules = rulesOf(objects, 'ClusterRole');
    assert.deepEqual(rules, [requests('create', 'get', 'list', 'watch', 'delete'), events, pods]);
  });

  it('allows variables of pods only if they are enabled, and then lets the agent read pods', async () => {
    assert.ok(!container(await render()).args.some((arg) => /--pod-variable|--cluster-domain/.test(arg)));
    const objects = await render({
      'app.driver.podVariables.enabled': true,
      'app.driver.podVariables.labels': ['app', 'app.kubernetes.io/*'],
      'app.driver.podVariables.annotations': ['example.com/names'],
    });
    assert.deepEqual(
      container(objects).args.filter((arg) => /--pod-variable|--cluster-domain/.test(arg)),
      [
        '--pod-variables',
        '--cluster-domain=cluster.local',
        '--pod-variable-label=app',
        '--pod-variable-label=app.kubernetes.io/*',
        '--pod-variable-annotation=example.com/names',
      ],
    );
    const rules = rulesOf(objects, 'ClusterRole');
    const watched = { ...pods, verbs: ['get', 'list', 'watch'] };
    assert.deepEqual(rules, [requests('create', 'get', 'list', 'watch', 'delete'), events, watched]);
  });

  it('makes probes only if they are enabled, and then lets the agent read pods', async () => {
    assert.ok(!container(await render()).args.some((arg) => arg.startsWith('--probe-interval')));
    const objects = await render({ 'app.driver.probe.enabled': true });
    assert.ok(container(objects).args.includes('--probe-interval=5m'));
    const rules = rulesOf(objects, 'ClusterRole');
    assert.deepEqual(rules, [requests('create', 'get', 'list', 'watch', 'delete'), events, pods]);
  });

  it('signals containers only if it is enabled, with no other right than for that', async () => {
    assert.ok(!container(await render()).args.includes('--reload-signals'));
    const objects = await render({ 'app.driver.reloadSignals.enabled': true });
    assert.equal(podSpec(objects)['hostPID'], true);
    const { args, command = [] } = container(objects);
    assert.ok(args.includes('--reload-signals'));
    assert.deepEqual(rulesOf(objects, 'ClusterRole'), [
      requests('create', 'get', 'list', 'watch', 'delete'),
      events,
      pods,
    ]);
    const dockerfile = await readFile(join(import.meta.dirname, '../../Dockerfile'), 'utf8');
    const [, entryPoint = ''] = /^ENTRYPOINT (\["setpriv"[^\]]*\])/m.exec(dockerfile.replaceAll('\\\n', '')) ?? [];
    const ofImage = JSON.parse(entryPoint) as string[];
    const withKill = ofImage.map((word) => (word.startsWith('--bounding-set=') ? `${word},+kill` : word));
    assert.deepEqual(command, withKill);
  });

  it('reads sources of additional trust only if they are enabled, and ConfigMaps only where it is told', async () => {
    assert.ok(!container(await render()).args.some((arg) => arg.startsWith('--trust-source-interval')));
    const objects = await render({ 'app.driver.additionalTrust.enabled': true });
    assert.ok(container(objects).args.includes('--trust-source-interval=2m'));
    const bundles = { apiGroups: ['certificates.k8s.io'], resources: ['clustertrustbundles'], verbs: ['get'] };
    const configMaps = { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] };
    const own = [requests('create', 'get', 'list', 'watch', 'delete'), events];
    assert.deepEqual(rulesOf(objects, 'ClusterRole'), [...own, bundles, configMaps]);
    const narrow = await render({
      'app.driver.additionalTrust.enabled': true,
      'app.driver.additionalTrust.namespaces': ['shop', 'bank'],
    });
    assert.deepEqual(rulesOf(narrow, 'ClusterRole'), [...own, bundles]);
    const roles = narrow.filter(({ kind }) => kind === 'Role');
    assert.deepEqual(
      roles.map(({ metadata }) => metadata.namespace),
      ['shop', 'bank'],
    );
    for (const role of roles) assert.deepEqual(role['rules'], [configMaps]);
    assert.equal(narrow.filter(({ kind }) => kind === 'RoleBinding').length, 2);
  });
});

describe('on OpenShift', () => {
  const scc = {
    apiGroups: ['security.openshift.io'],
    resources: ['securitycontextconstraints'],
    resourceNames: ['privileged'],
    verbs: ['use'],
  };
  const openshift = { apiVersions: ['security.openshift.io/v1'] };

  it('binds the SecurityContextConstraints if detected or requested, in its own namespace', async () => {
    for (const objects of [
      await render({}, openshift),
      await render({ 'openshift.securityContextConstraint.enabled': true }),
    ]) {
      assert.deepEqual(rulesOf(objects, 'Role'), [scc]);
      assert.equal(objectOf(objects, 'RoleBinding').metadata.namespace, 'cert-manager');
    }
  });

  it('does not bind them when disabled', async () => {
    const objects = await render({ 'openshift.securityContextConstraint.enabled': false }, openshift);
    assert.ok(objects.every(({ kind }) => kind !== 'Role' && kind !== 'RoleBinding'));
  });

  it('labels the driver for restricted pods', async () => {
    const { labels } = objectOf(await render(), 'CSIDriver').metadata;
    assert.equal(labels['security.openshift.io/csi-ephemeral-volume-profile'], 'restricted');
  });
});

describe('take-over', () => {
  it('prepares a hand-over only if it is enabled', async () => {
    const argsWith = async (values: object): Promise<readonly string[]> => container(await render(values)).args;
    assert.ok(!(await argsWith({})).includes('--hand-over'));
    assert.ok((await argsWith({ 'app.driver.handOver.enabled': true })).includes('--hand-over'));
  });

  it("mounts upstream's directory into the agent", async () => {
    const objects = await render({ 'app.driver.takeOver.enabled': true });
    assert.ok(container(objects).args.includes('--adopt-from=/take-over'));
    assert.equal(hostPaths(objects)['take-over'], '/tmp/cert-manager-csi-driver');
  });

  it('uses one mount when both drivers share a directory', async () => {
    const shared = '/tmp/cert-manager-csi-driver';
    const objects = await render({ 'app.driver.takeOver.enabled': true, 'app.driver.csiDataDir': `${shared}/` });
    assert.ok(container(objects).args.includes('--adopt-from=/csi-data-dir'));
    assert.equal(hostPaths(objects)['take-over'], undefined);
  });
});

describe('a changed data directory', () => {
  it('mounts the former directories, never the current one twice', async () => {
    const objects = await render({ 'app.driver.previousDataDirs': ['/srv/a/', '/var/lib/certfleet', '/srv/b'] });
    const { args } = container(objects);
    assert.deepEqual(
      args.filter((flag) => flag.startsWith('--previous')),
      ['--previous-data-root=/previous-data-dir-0', '--previous-data-root=/previous-data-dir-1'],
    );
    assert.equal(hostPaths(objects)['previous-data-dir-0'], '/srv/a');
    assert.equal(hostPaths(objects)['previous-data-dir-1'], '/srv/b');
    assert.ok(!args.includes('--ignore-foreign-volumes'));
    const ignoring = container(await render({ 'app.driver.ignoreForeignVolumes': true }));
    assert.ok(ignoring.args.includes('--ignore-foreign-volumes'));
  });
});

describe('the schema', () => {
  const mistakes: readonly (readonly [object, RegExp])[] = [
    [{ 'app.driver.useTokenRequests': true }, /useTokenRequests/],
    [{ tolerations2: [] }, /tolerations2/],
    [{ 'app.driver.csiDataDir': 'relative' }, /csiDataDir/],
    [{ 'app.driver.defaultDuration': '30d' }, /defaultDuration/],
    [{ 'app.driver.podReadinessGates': ['pod-ip:ipv5'] }, /podReadinessGates/],
    [{ 'app.driver.podVariables.labels': ['a b'] }, /podVariables/],
    [{ 'app.driver.podVariables.clusterDomain': 'a..b' }, /clusterDomain/],
    [{ 'image.digest': 'sha256:short' }, /digest/],
    [{ 'metrics.port': 99999 }, /port/],
  ];
  for (const [values, message] of mistakes) {
    it(`rejects ${JSON.stringify(values)}`, async () => {
      await assert.rejects(renderText(values), message);
    });
  }
});
