// The chart against a real API server: Kubernetes must accept the rendered objects.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { waitUntil } from '../cluster/wait.ts';
import { externalRedisValues, withoutController } from './controller-values.ts';
import { upstreamValues } from './upstream-values.ts';
import { applyAnotherPassword, earlierChart, runRedisSecret } from './redis-secret.ts';
import { chartPath, renderText } from './render-chart.ts';

const exampleValues = resolve(import.meta.dirname, '../../examples/values');

let cluster: Cluster;

before(async () => {
  cluster = await startCluster({ nodes: 'control-plane' });
  await cluster.createNamespace('monitoring');
});

after(async () => {
  await cluster.stop();
});

describe('a real API server accepts the chart', () => {
  // The PodMonitor's kind belongs to an operator that is not installed here.
  const withoutMonitor = { 'metrics.podmonitor.enabled': false };
  const variants: readonly (readonly [string, object])[] = [
    ['by default', {}],
    ['with every upstream value', { ...upstreamValues, ...withoutMonitor }],
    ['in token-request mode', { 'app.driver.useTokenRequest': true }],
    ['with readiness gates', { 'app.driver.podReadinessGates': ['pod-ip:any'] }],
    ['on OpenShift', { 'openshift.securityContextConstraint.enabled': true }],
    ['taking over', { 'app.driver.takeOver.enabled': true }],
    ['without the controller', withoutController],
    ['for agents in the host network', { hostNetwork: true }],
    ['with a persistent Redis', { 'controller.redis.persistence.enabled': true }],
    ['with an external Redis', externalRedisValues],
  ];
  // Most objects are the same in all variants, and the server compiles the expressions of its policies each time.
  const accepted = new Set<string>();
  const accepts = async (rendered: string): Promise<void> => {
    const documents = rendered.split(/^---$/m).filter((document) => document.trim() !== '');
    const unseen = documents.filter((document) => !accepted.has(document));
    if (unseen.length === 0) return;
    // Strict validation turns an unknown or repeated field into an error.
    const args = ['apply', '--dry-run=server', '--server-side', '--validate=strict', '-f', '-'];
    const { stderr } = await cluster.kubectl(args, { input: unseen.join('---\n') });
    assert.equal(stderr, '', 'expected no warning');
    for (const document of unseen) accepted.add(document);
  };
  for (const [name, values] of variants) {
    it(name, async () => accepts(await renderText(values)));
  }
  for (const file of globSync('*.yaml', { cwd: exampleValues })) {
    it(`with examples/values/${file}, which changes it`, async () => {
      const rendered = await renderText({}, { files: [join(exampleValues, file)] });
      assert.notEqual(rendered, await renderText());
      await accepts(rendered);
    });
  }
});

describe('helm', () => {
  const place = ['certfleet', '--namespace', 'cert-manager'];
  const release = ['certfleet', chartPath, '--namespace', 'cert-manager'];
  const dataOf = async (secret: string): Promise<Record<string, string>> => {
    const { stdout } = await cluster.kubectl(['get', 'secret', secret, '--namespace', 'cert-manager', '-o', 'json']);
    return (JSON.parse(stdout) as { data: Record<string, string> }).data;
  };
  const rendered = async (): Promise<string> => (await cluster.helm(['get', 'manifest', ...place])).stdout;
  let notes: string;
  /** What Redis and its program have after the first installation. */
  let made: Record<string, string>;
  let configuration: string;

  before(async () => {
    notes = (await cluster.helm(['install', ...release, '--set', 'livenessProbeImage.tag=v2.18.0'])).stdout;
  });

  after(async () => {
    await cluster.helm(['uninstall', ...place, '--wait']);
  });

  it('lists the ignored upstream values in the notes', () => {
    assert.match(notes, /IGNORED: livenessProbeImage/);
    assert.doesNotMatch(notes, /IGNORED: nodeDriverRegistrarImage/);
  });

  it('leaves the password to Redis, which creates it', async () => {
    assert.doesNotMatch(await rendered(), /^kind: Secret$/m);
    configuration = await runRedisSecret(cluster);
    made = await dataOf('certfleet-redis');
    const password = Buffer.from(made['password'] ?? '', 'base64').toString();
    assert.match(password, /^[a-zA-Z0-9]{48}$/);
    assert.equal(Buffer.from(made['auth.conf'] ?? '', 'base64').toString(), `requirepass ${password}\n`);
    assert.equal(configuration, `requirepass ${password}\n`);
  });

  it('upgrades to what an installation renders, and to other values, with the same password', async () => {
    const before = await rendered();
    await cluster.helm(['upgrade', ...release]);
    assert.equal(await rendered(), before, 'an upgrade renders the same');
    // An upgrade may only change mutable fields.
    const values = ['app.driver.useTokenRequest=true', 'podLabels.a=b', 'controller.replicas=3'];
    await cluster.helm(['upgrade', ...release, ...values.flatMap((value) => ['--set', value])]);
    const { stdout: driver } = await cluster.kubectl(['get', 'csidriver', 'csi.cert-manager.io', '-o', 'json']);
    const { spec } = JSON.parse(driver) as { spec: Record<string, unknown> };
    assert.equal(spec['requiresRepublish'], true);
    assert.equal(spec['serviceAccountTokenInSecrets'], true);
    assert.equal(await runRedisSecret(cluster), configuration);
  });

  it('removes the driver, but keeps LanePolicies and the password, which a new release takes over', async () => {
    const spec = { issuers: ['*'], paused: true, pauseReason: 'maintenance' };
    const kind = { apiVersion: 'certfleet.io/v1alpha1', kind: 'LanePolicy' };
    await cluster.apply({ ...kind, metadata: { name: 'kept' }, spec });
    await cluster.helm(['uninstall', ...place, '--wait']);
    await assert.rejects(cluster.kubectl(['get', 'csidriver', 'csi.cert-manager.io']), /not found/i);
    const reason = ['get', 'lanepolicy', 'kept', '--output', 'jsonpath={.spec.pauseReason}'];
    assert.equal((await cluster.kubectl(reason)).stdout, 'maintenance');
    await cluster.helm(['install', ...release]);
    assert.equal((await cluster.kubectl(reason)).stdout, 'maintenance');
    await cluster.kubectl(['delete', 'lanepolicy', 'kept']);
    assert.equal(await runRedisSecret(cluster), configuration);
    assert.deepEqual(await dataOf('certfleet-redis'), made);
  });

  it('the ServiceAccount of Redis can create this Secret only once, and no other', async () => {
    await assert.rejects(runRedisSecret(cluster, 'another'), /secrets "another" is forbidden/);
    await assert.rejects(applyAnotherPassword(cluster, 'certfleet-redis'), /conflict/i);
    await assert.rejects(applyAnotherPassword(cluster, 'another'), /is forbidden/);
  });

  it('an upgrade keeps the password that an earlier chart rendered', async () => {
    await cluster.helm(['uninstall', ...place, '--wait']);
    await cluster.kubectl(['delete', 'secret', 'certfleet-redis', '--namespace', 'cert-manager']);
    await cluster.helm(['install', 'certfleet', await earlierChart(cluster.directory), ...place.slice(1)]);
    const earlier = await dataOf('certfleet-redis');
    for (const replicas of [2, 3]) {
      await cluster.helm(['upgrade', ...release, '--set', `controller.replicas=${replicas}`]);
      assert.deepEqual(await dataOf('certfleet-redis'), earlier);
    }
    assert.equal(await runRedisSecret(cluster), Buffer.from(earlier['auth.conf'] ?? '', 'base64').toString());
  });

  it('cert-manager issues the certificate that agents trust', async () => {
    const certificate = 'certificate/certfleet-controller-tls';
    await cluster.kubectl([
      'wait',
      '--for=condition=Ready',
      certificate,
      '--namespace',
      'cert-manager',
      '--timeout=60s',
    ]);
    const files = await dataOf('certfleet-controller-tls');
    const [leaf, ca] = ['tls.crt', 'ca.crt'].map(
      (name) => new X509Certificate(Buffer.from(files[name] ?? '', 'base64')),
    );
    assert.ok(leaf !== undefined && ca !== undefined);
    assert.ok(leaf.checkHost('certfleet-controller.cert-manager.svc'));
    assert.ok(ca.ca && leaf.verify(ca.publicKey));
  });

  it('operators get the permissions of their role, the controller those that it uses', async () => {
    // Cluster-wide, as the controller asks.
    const isAllowed = async (user: string, verb: string, group: string, resource: string): Promise<boolean> => {
      const input = JSON.stringify({
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, resourceAttributes: { verb, group, resource } },
      });
      const { stdout } = await cluster.kubectl(['create', '-f', '-', '-o', 'json'], { input });
      return (JSON.parse(stdout) as { status: { allowed: boolean } }).status.allowed;
    };
    for (const role of ['view', 'renew']) {
      await cluster.kubectl([
        'create',
        'clusterrolebinding',
        role,
        `--clusterrole=certfleet-${role}`,
        `--user=${role}`,
      ]);
    }
    const volumes = ['certfleet.io', 'volumes'] as const;
    // The API server applies RBAC with a delay; the latest binding takes effect last.
    const isKnown = (): Promise<boolean> => isAllowed('renew', 'renew', ...volumes);
    await waitUntil('the binding to be known', isKnown, { timeoutMs: 10_000, intervalMs: 200 });
    assert.ok(await isAllowed('renew', 'view', ...volumes));
    assert.ok(await isAllowed('view', 'view', ...volumes));
    assert.equal(await isAllowed('view', 'renew', ...volumes), false);
    const controller = 'system:serviceaccount:cert-manager:certfleet-controller';
    assert.ok(await isAllowed(controller, 'create', 'authentication.k8s.io', 'tokenreviews'));
    assert.equal(await isAllowed(controller, 'get', '', 'secrets'), false);
    assert.equal(await isAllowed(controller, 'renew', ...volumes), false);
  });
});
