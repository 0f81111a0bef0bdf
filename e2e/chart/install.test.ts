// The chart against a real API server: what it renders to must be what Kubernetes accepts, not only well-formed YAML.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { peerValues } from './peer-values.ts';
import { chartPath, renderText } from './render-chart.ts';

let cluster: Cluster;

before(async () => {
  cluster = await startCluster({ nodes: 'control-plane', certManager: false });
  for (const namespace of ['cert-manager', 'monitoring']) await cluster.createNamespace(namespace);
});

after(async () => {
  await cluster.stop();
});

describe('a real API server accepts the chart', () => {
  // The PodMonitor's kind belongs to an operator that is not in this cluster.
  const withoutMonitor = { 'metrics.podmonitor.enabled': false };
  const variants: readonly (readonly [string, object])[] = [
    ['by default', {}],
    ['with every value of the peer', { ...peerValues, ...withoutMonitor }],
    ['in token-request mode', { 'app.driver.useTokenRequest': true }],
    ['with readiness gates', { 'app.driver.podReadinessGates': ['pod-ip:any'] }],
    ['on OpenShift', { 'openshift.securityContextConstraint.enabled': true }],
    ['taking over', { 'app.driver.takeOver.enabled': true }],
  ];
  for (const [name, values] of variants) {
    it(name, async () => {
      const input = await renderText(values);
      // Strict validation turns an unknown or repeated field into an error.
      const args = ['apply', '--dry-run=server', '--server-side', '--validate=strict', '-f', '-'];
      const { stderr } = await cluster.kubectl(args, { input });
      assert.equal(stderr, '', 'expected no warning');
    });
  }
});

it('helm installs, upgrades and removes it, and says what of the peer’s values it ignored', async () => {
  const release = ['certfleet', chartPath, '--namespace', 'cert-manager'];
  const { stdout } = await cluster.helm(['install', ...release, '--set', 'livenessProbeImage.tag=v2.18.0']);
  assert.match(stdout, /IGNORED: livenessProbeImage/);
  assert.doesNotMatch(stdout, /IGNORED: nodeDriverRegistrarImage/);
  // Every field that an upgrade changes must be one that Kubernetes lets change.
  await cluster.helm(['upgrade', ...release, '--set', 'app.driver.useTokenRequest=true', '--set', 'podLabels.a=b']);
  const { stdout: driver } = await cluster.kubectl(['get', 'csidriver', 'csi.cert-manager.io', '-o', 'json']);
  const { spec } = JSON.parse(driver) as { spec: Record<string, unknown> };
  assert.equal(spec['requiresRepublish'], true);
  assert.equal(spec['serviceAccountTokenInSecrets'], true);
  await cluster.helm(['uninstall', 'certfleet', '--namespace', 'cert-manager', '--wait']);
  await assert.rejects(cluster.kubectl(['get', 'csidriver', 'csi.cert-manager.io']), /not found/i);
});
