import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { readConfig, redisConfigOf } from '../../apps/renewal-controller/src/config.ts';
import { LanePolicies } from '../../apps/renewal-controller/src/lanes/lane-policies.ts';
import { argsOf, controllerOf, named, sourcesOf, workload } from './controller-objects.ts';
import { externalRedisValues, withoutController } from './controller-values.ts';
import { chartPath, helm, kubernetesVersion, render, renderText } from './render-chart.ts';
import type { Rendered } from './render-chart.ts';

describe('the chart without the controller', () => {
  it('passes helm lint --strict', async () => {
    await helm('lint', '--strict', '--set', 'controller.enabled=false', '--kube-version', kubernetesVersion, chartPath);
  });

  it('has no object of it, and no setting in the agents', async () => {
    assert.doesNotMatch(await renderText(withoutController), /controller-|renewal-controller|redis|certfleet\.io/);
  });
});

describe('the workloads of pods', () => {
  it('are read by agents that may get pods, only if enabled, with the chosen labels', async () => {
    const mayGetPods = (objects: readonly Rendered[]): boolean =>
      JSON.stringify(named(objects, 'ClusterRole', 'certfleet')['rules']).includes('"pods"');
    assert.ok(!mayGetPods(await render()));
    const values = { 'app.driver.workload': { enabled: true, labels: ['team', 'example.com/owner'] } };
    const objects = await render(values);
    assert.ok(mayGetPods(objects));
    const agent = workload(objects, 'DaemonSet', 'certfleet').template.spec.containers[0].args;
    const given = ['--report-workload', '--report-pod-label=team', '--report-pod-label=example.com/owner'];
    for (const flag of given) assert.ok(agent.includes(flag), flag);
    for (const flag of ['--pod-label=team', '--pod-label=example.com/owner']) assert.ok(argsOf(objects).includes(flag));
    assert.ok(!mayGetPods(await render({ ...values, ...withoutController })));
    const many = { 'app.driver.workload.labels': Array.from({ length: 9 }, (_, i) => `l${i}`) };
    await assert.rejects(renderText(many), /labels/);
  });
});

describe('the chart with the controller (default)', () => {
  it('adds these objects and only changes the DaemonSet and the rules of the agents', async () => {
    const [without, objects] = [await render(withoutController), await render()];
    const id = ({ kind, metadata }: Rendered): string => `${kind} ${metadata.name}`;
    const before = new Map(without.map((object) => [id(object), object]));
    assert.deepEqual(
      objects
        .map(id)
        .filter((each) => !before.has(each))
        .sort(),
      [
        'Certificate certfleet-controller-ca',
        'Certificate certfleet-controller-tls',
        'ClusterRole certfleet-controller',
        'ClusterRole certfleet-renew',
        'ClusterRole certfleet-view',
        'ClusterRoleBinding certfleet-controller',
        'ConfigMap certfleet-controller-lanes',
        'ConfigMap certfleet-redis',
        'CustomResourceDefinition carotations.certfleet.io',
        'CustomResourceDefinition lanepolicies.certfleet.io',
        'CustomResourceDefinition renewals.certfleet.io',
        'Deployment certfleet-controller',
        'Issuer certfleet-controller-ca',
        'Issuer certfleet-controller-selfsigned',
        'NetworkPolicy certfleet-controller',
        'NetworkPolicy certfleet-redis',
        'PodDisruptionBudget certfleet-controller',
        'Role certfleet-controller-events',
        'Role certfleet-redis',
        'RoleBinding certfleet-controller-events',
        'RoleBinding certfleet-redis',
        'Service certfleet-controller',
        'Service certfleet-redis',
        'ServiceAccount certfleet-controller',
        'ServiceAccount certfleet-redis',
        'StatefulSet certfleet-redis',
      ],
    );
    for (const object of objects) {
      const same = before.get(id(object));
      if (same !== undefined && !['DaemonSet', 'ClusterRole'].includes(object.kind)) assert.deepEqual(object, same);
    }
  });

  it('lets the agents follow CA rotations, and gives them no other right', async () => {
    const rulesOf = (objects: readonly Rendered[]): unknown => named(objects, 'ClusterRole', 'certfleet')['rules'];
    const [without, objects] = [await render(withoutController), await render()];
    const rotations = { apiGroups: ['certfleet.io'], resources: ['carotations'], verbs: ['get', 'list', 'watch'] };
    assert.deepEqual(rulesOf(objects), [...(rulesOf(without) as object[]), rotations]);
    const { args } = workload(objects, 'DaemonSet', 'certfleet').template.spec.containers[0];
    assert.ok(args.includes('--ca-rotations'));
  });

  it('grants only the permissions that the controller uses', async () => {
    assert.deepEqual(named(await render(), 'ClusterRole', 'certfleet-controller')['rules'], [
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      { apiGroups: [''], resources: ['events'], verbs: ['list'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
      {
        apiGroups: ['certfleet.io'],
        resources: ['lanepolicies', 'renewals', 'carotations'],
        verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
      },
      {
        apiGroups: ['certfleet.io'],
        resources: ['lanepolicies/status', 'renewals/status', 'carotations/status'],
        verbs: ['get', 'update', 'patch'],
      },
    ]);
    const role = named(await render(), 'Role', 'certfleet-controller-events');
    assert.equal(role.metadata.namespace, 'default');
    assert.deepEqual(role['rules'], [{ apiGroups: [''], resources: ['events'], verbs: ['create'] }]);
  });

  it('lets the controller roll workloads only if it is enabled, and only where it is told', async () => {
    assert.ok(!argsOf(await render()).includes('--rollouts'));
    const objects = await render({ 'controller.rollouts.enabled': true, 'controller.rollouts.perMinute': 0.5 });
    const args = argsOf(objects).filter((arg) => arg.includes('rollouts'));
    assert.deepEqual(args, ['--rollouts', '--rollouts-per-minute=0.5', '--namespace-rollouts-per-minute=2']);
    assert.ok(workload(objects, 'DaemonSet', 'certfleet').template.spec.containers[0].args.includes('--rollouts'));
    const rules = [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['get'] },
      { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets'], verbs: ['get', 'patch'] },
      { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['list'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create'] },
    ];
    const name = 'certfleet-controller-rollouts';
    assert.deepEqual(named(objects, 'ClusterRole', name)['rules'], rules);
    assert.ok(named(objects, 'ValidatingAdmissionPolicy', name));
    const where = { 'controller.rollouts.enabled': true, 'controller.rollouts.namespaces': ['shop', 'bank'] };
    const own = (await render(where)).filter(({ metadata }) => metadata.name === name);
    assert.deepEqual(own.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`).sort(), [
      ...['Role bank', 'Role shop', 'RoleBinding bank', 'RoleBinding shop'],
      ...['ValidatingAdmissionPolicy ', 'ValidatingAdmissionPolicyBinding '],
    ]);
  });

  it('lets the controller follow pods and their certificate requests only if that is enabled', async () => {
    const name = 'certfleet-controller-pod-certificates';
    const off = await render();
    assert.ok(!argsOf(off).includes('--pod-certificates'));
    assert.ok(!off.some(({ metadata }) => metadata.name === name));
    const objects = await render({ 'controller.podCertificates.enabled': true });
    assert.ok(argsOf(objects).includes('--pod-certificates'));
    const verbs = ['list', 'watch'];
    assert.deepEqual(named(objects, 'ClusterRole', name)['rules'], [
      { apiGroups: [''], resources: ['pods'], verbs },
      { apiGroups: ['certificates.k8s.io'], resources: ['podcertificaterequests'], verbs },
      { apiGroups: ['certificates.k8s.io'], resources: ['clustertrustbundles'], verbs: ['get'] },
      { apiGroups: ['certfleet.io'], resources: ['podcertificatesigners'], verbs: ['list'] },
    ]);
    assert.ok(named(objects, 'ClusterRoleBinding', name));
  });

  it('has a role to view and a role to renew, without bindings', async () => {
    const objects = await render();
    const volumes = { apiGroups: ['certfleet.io'], resources: ['volumes'] };
    const intent = { apiGroups: ['certfleet.io'], resources: ['lanepolicies', 'renewals', 'carotations'] };
    const reads = ['get', 'list', 'watch'];
    assert.deepEqual(named(objects, 'ClusterRole', 'certfleet-view')['rules'], [
      { ...volumes, verbs: ['view'] },
      { ...intent, verbs: reads },
    ]);
    assert.deepEqual(named(objects, 'ClusterRole', 'certfleet-renew')['rules'], [
      { ...volumes, verbs: ['view', 'renew'] },
      { ...intent, verbs: [...reads, 'create', 'update', 'patch', 'delete'] },
    ]);
    const bound = objects.filter(({ kind }) => kind === 'ClusterRoleBinding');
    assert.deepEqual(bound.map(({ metadata }) => metadata.name).sort(), ['certfleet', 'certfleet-controller']);
  });

  it('installs the CustomResourceDefinitions of the controller, and keeps them by default', async () => {
    const definitions = async (values: object): Promise<readonly (readonly [string, object | undefined])[]> =>
      (await render(values))
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => [metadata.name, (metadata as { annotations?: object }).annotations]);
    const keep = { 'helm.sh/resource-policy': 'keep' };
    assert.deepEqual(await definitions({}), [
      ['carotations.certfleet.io', keep],
      ['lanepolicies.certfleet.io', keep],
      ['renewals.certfleet.io', keep],
    ]);
    assert.deepEqual(await definitions({ 'crds.keep': false }), [
      ['carotations.certfleet.io', undefined],
      ['lanepolicies.certfleet.io', undefined],
      ['renewals.certfleet.io', undefined],
    ]);
    assert.deepEqual(await definitions({ 'crds.enabled': false }), []);
    assert.deepEqual(await definitions(withoutController), []);
  });

  it('runs controller and Redis under the restricted pod security standard', async () => {
    const objects = await render();
    for (const { template } of [controllerOf(objects), workload(objects, 'StatefulSet', 'certfleet-redis')]) {
      assert.partialDeepStrictEqual(template.spec.securityContext, {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const { securityContext } of [...template.spec.containers, ...(template.spec.initContainers ?? [])]) {
        assert.deepEqual(securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  it('starts the controller with valid flags for this release’s agents', async () => {
    const config = readConfig(argsOf(await render()), {});
    assert.equal(config['agent-service-account'], 'cert-manager/certfleet');
    assert.equal(config['redis-node-access'], 'acl');
    assert.deepEqual(redisConfigOf(config), {
      url: 'redis://certfleet-redis.cert-manager.svc:6379',
      passwordFile: '/etc/certfleet/redis/password',
    });
  });

  it("requests a serving certificate for the operator's names and addresses, without empty lists", async () => {
    const specOf = async (values: object): Promise<{ dnsNames: string[]; ipAddresses?: string[] }> =>
      named(await render(values), 'Certificate', 'certfleet-controller-tls')['spec'] as {
        dnsNames: string[];
        ipAddresses?: string[];
      };
    const own = await specOf({
      'controller.certificate.dnsNames': ['certs.example.com', '*.example.net'],
      'controller.certificate.ipAddresses': ['127.0.0.1', '2001:db8::7'],
    });
    assert.deepEqual(own.dnsNames.slice(-2), ['certs.example.com', '*.example.net']);
    assert.deepEqual(own.ipAddresses, ['127.0.0.1', '2001:db8::7']);
    const none = await specOf({ 'controller.certificate.dnsNames': [] });
    assert.deepEqual([none.dnsNames.length, none.ipAddresses], [3, undefined]);
  });

  it('trusts only the configured proxies, and none by default', async () => {
    const proxies = ['10.244.0.0/16', '2001:db8::/48'];
    const config = readConfig(argsOf(await render({ 'controller.api.trustedProxies': proxies })), {});
    assert.deepEqual(config['api-trusted-proxies'], proxies);
    assert.deepEqual(readConfig(argsOf(await render()), {})['api-trusted-proxies'], []);
  });

  it("gives agents the controller's address, its CA without the key, and a token only for it", async () => {
    const objects = await render({ 'controller.fleet.port': 9443 });
    const agent = workload(objects, 'DaemonSet', 'certfleet');
    assert.ok(
      agent.template.spec.containers[0].args.includes(
        '--controller-address=certfleet-controller.cert-manager.svc:9443',
      ),
    );
    const { dnsNames } = named(objects, 'Certificate', 'certfleet-controller-tls')['spec'] as { dnsNames: string[] };
    assert.ok(dnsNames.includes('certfleet-controller.cert-manager.svc'), 'the name that agents use');
    assert.ok(dnsNames.includes('localhost'), 'the name for a port-forward');
    assert.deepEqual(sourcesOf(agent, 'controller'), [
      { serviceAccountToken: { audience: 'certfleet', expirationSeconds: 3600, path: 'token' } },
      // An agent must serve mounts before the controller has its certificate.
      {
        secret: {
          name: 'certfleet-controller-tls',
          optional: true,
          items: [{ key: 'ca.crt', path: 'ca.crt' }],
        },
      },
    ]);
  });

  it("passes lane policies in the controller's format, and restarts it when they change", async () => {
    const values = {
      'controller.lanePolicies': {
        defaults: { ratePerSecond: 2.5, maxJitterMs: 43_200_000 },
        overrides: [
          {
            issuer: 'ClusterIssuer.cert-manager.io/*',
            policy: { windows: [{ cron: '0 2 * * *', durationMs: 7_200_000, timeZone: 'Europe/Berlin' }] },
          },
        ],
      },
    };
    const objects = await render(values);
    const { data } = named(objects, 'ConfigMap', 'certfleet-controller-lanes') as unknown as {
      data: { 'lane-policies.json': string };
    };
    const policies = JSON.parse(data['lane-policies.json']) as (typeof values)['controller.lanePolicies'];
    assert.deepEqual(policies, values['controller.lanePolicies']);
    assert.doesNotThrow(() => new LanePolicies(policies.defaults, policies.overrides));
    const annotations = async (of: object): Promise<object> =>
      controllerOf(await render(of)).template.metadata.annotations;
    assert.notDeepEqual(await annotations(values), await annotations({}));
  });

  it("allows only agents' pods to reach the fleet port and Redis, and all clients when agents have no pod address", async () => {
    const agents = {
      podSelector: {
        matchLabels: {
          'app.kubernetes.io/name': 'certfleet',
          'app.kubernetes.io/instance': 'release',
          'app.kubernetes.io/component': 'node-agent',
        },
      },
    };
    const fromOf = async (values: object, name: string, port: string): Promise<unknown> => {
      const policy = named(await render(values), 'NetworkPolicy', name)['spec'] as {
        ingress: readonly { ports: readonly { port: string }[]; from?: unknown }[];
      };
      return policy.ingress.findLast(({ ports }) => ports.some((each) => each.port === port))?.from;
    };
    assert.deepEqual(await fromOf({}, 'certfleet-controller', 'tls-fleet'), [agents]);
    assert.deepEqual(await fromOf({}, 'certfleet-redis', 'tcp-redis'), [agents]);
    const hostNetwork = { hostNetwork: true };
    assert.deepEqual(await fromOf(hostNetwork, 'certfleet-controller', 'tls-fleet'), []);
    assert.deepEqual(await fromOf(hostNetwork, 'certfleet-redis', 'tcp-redis'), []);
  });

  it('does not restart Redis for a new version of the chart', async () => {
    const redis = workload(await render(), 'StatefulSet', 'certfleet-redis');
    assert.doesNotMatch(JSON.stringify(redis.template), /helm\.sh\/chart|app\.kubernetes\.io\/version/);
  });

  it('renders no secret: two renderings are the same, with every variant of Redis', async () => {
    const existing = { 'controller.redis.existingSecret': 'own' };
    for (const values of [{}, existing, { 'controller.redis.persistence.enabled': true }, externalRedisValues]) {
      const text = await renderText(values);
      assert.equal(await renderText(values), text);
      assert.doesNotMatch(text, /^kind: Secret$/m);
    }
  });

  it('lets only the init container of Redis create the Secret of its password, and no other Secret', async () => {
    const objects = await render();
    assert.deepEqual(named(objects, 'Role', 'certfleet-redis')['rules'], [
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: ['certfleet-redis'],
        verbs: ['get', 'create', 'patch'],
      },
    ]);
    const { spec } = workload(objects, 'StatefulSet', 'certfleet-redis').template;
    assert.partialDeepStrictEqual(spec, { serviceAccountName: 'certfleet-redis', automountServiceAccountToken: false });
    const tokenMounts = ({ volumeMounts }: { volumeMounts: readonly { name: string }[] }): number =>
      volumeMounts.filter(({ name }) => name === 'token').length;
    assert.deepEqual([...spec.containers, ...(spec.initContainers ?? [])].map(tokenMounts), [0, 1]);
    assert.doesNotMatch(JSON.stringify(spec), /"secret":/);
    const rules = objects.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role').map(({ rules }) => rules);
    assert.equal(JSON.stringify(rules).match(/"secrets"/g)?.length, 1, 'the only right to Secrets');
  });

  it('uses an existing Secret of Redis without rights, init container or egress', async () => {
    const objects = await render({ 'controller.redis.existingSecret': 'own' });
    const redis = workload(objects, 'StatefulSet', 'certfleet-redis');
    assert.equal(redis.template.spec.initContainers, undefined);
    const items = [{ key: 'auth.conf', path: 'auth.conf' }];
    assert.deepEqual(
      redis.template.spec.volumes.find(({ name }) => name === 'auth'),
      {
        name: 'auth',
        secret: { secretName: 'own', items },
      },
    );
    assert.ok(JSON.stringify(sourcesOf(controllerOf(objects), 'redis')).includes('"name":"own"'));
    const { egress } = named(objects, 'NetworkPolicy', 'certfleet-redis')['spec'] as { egress: unknown };
    assert.deepEqual(egress, []);
    for (const kind of ['Role', 'RoleBinding', 'ServiceAccount']) {
      assert.ok(!objects.some((object) => object.kind === kind && object.metadata.name === 'certfleet-redis'), kind);
    }
  });

  it('adds a PodMonitor for the controller if the agents have one', async () => {
    const objects = await render({ 'metrics.podmonitor.enabled': true });
    const { podMetricsEndpoints } = named(objects, 'PodMonitor', 'certfleet-controller')['spec'] as {
      podMetricsEndpoints: readonly [{ port: string }];
    };
    assert.equal(podMetricsEndpoints[0].port, 'http-ops');
  });
});
