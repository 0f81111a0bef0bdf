import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { readConfig } from '../../apps/pod-certificate-signer/src/config.ts';
import { named, workload } from './controller-objects.ts';
import { chartPath, helm, render, renderText } from './render-chart.ts';
import type { Rendered } from './render-chart.ts';

const values = {
  'podCertificateSigner.enabled': true,
  'podCertificateSigner.signerNames': ['example.com/internal', 'example.com/other'],
  'podCertificateSigner.caSecrets': ['internal-ca'],
};
const name = 'certfleet-pod-certificate-signer';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface PolicyRule {
  readonly ports: readonly { readonly port: unknown }[];
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
}

interface Peer {
  readonly podSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
}

/** The components that a NetworkPolicy connects by the port of the controller's API. */
function apiPeers(
  objects: readonly Rendered[],
  policy: string,
  direction: 'ingress' | 'egress',
): readonly (string | undefined)[] {
  const spec = named(objects, 'NetworkPolicy', policy)['spec'] as Readonly<Record<string, readonly PolicyRule[]>>;
  return (spec[direction] ?? [])
    .filter(({ ports }) => ports.some(({ port }) => port === 'https-api'))
    .flatMap(({ from, to }) => from ?? to ?? [])
    .map(({ podSelector }) => podSelector?.matchLabels['app.kubernetes.io/component']);
}

describe('the chart and the pod certificate signer', () => {
  it('has no object of it by default', async () => {
    const objects = await render();
    assert.deepEqual(
      objects.filter(({ metadata }) => JSON.stringify(metadata).includes('pod-certificate-signer')),
      [],
    );
  });

  it('needs signer names, and refuses those of Kubernetes', async () => {
    const enabled = { 'podCertificateSigner.enabled': true };
    await assert.rejects(renderText(enabled), /podCertificateSigner\.signerNames: expected the signer names/);
    for (const signerName of ['kubernetes.io/kube-apiserver-client-pod', 'x.kubernetes.io/y', 'nosuffix'])
      await assert.rejects(renderText({ ...enabled, 'podCertificateSigner.signerNames': [signerName] }), /signerNames/);
  });

  it('renders without the controller, with the definitions of its kinds', async () => {
    const set = Object.entries(values).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]);
    await helm('lint', '--strict', ...set, '--set', 'controller.enabled=false', '--kube-version', '1.37.2', chartPath);
    const objects = await render({ ...values, 'controller.enabled': false });
    for (const definition of ['podcertificatesigners.certfleet.io', 'lanepolicies.certfleet.io'])
      assert.ok(named(objects, 'CustomResourceDefinition', definition));
  });

  it('starts it with flags that it takes, as a user without privileges', async () => {
    const { template } = workload(await render(values), 'Deployment', name);
    const [container] = template.spec.containers;
    assert.match(container.image, /certfleet\/pod-certificate-signer:0\.1\.0$/);
    const config = readConfig(container.args, {});
    assert.equal(config['lease-name'], name);
  });

  it('connects it with the controller: a token for it alone, its CA, one right, and the way through the policies', async () => {
    const objects = await render(values);
    const { template } = workload(objects, 'Deployment', name);
    const config = readConfig(template.spec.containers[0].args, {});
    const service = named(objects, 'Service', 'certfleet-controller');
    assert.equal(config['controller-url'], `https://certfleet-controller.${service.metadata.namespace}.svc`);
    assert.equal(config['controller-token-file'], '/var/run/secrets/certfleet/controller/token');
    const volumes = JSON.stringify(template.spec.volumes);
    assert.match(volumes, /"audience":"certfleet".*"path":"token".*certfleet-controller-tls.*"ca\.crt"/);
    assert.doesNotMatch(volumes, /tls\.key/);
    const rules = named(objects, 'ClusterRole', name)['rules'] as readonly Rule[];
    assert.deepEqual(
      rules.filter(({ resources }) => resources.includes('lanes')),
      [{ apiGroups: ['certfleet.io'], resources: ['lanes'], verbs: ['sign'] }],
    );
    for (const operators of ['view', 'renew'])
      assert.doesNotMatch(JSON.stringify(named(objects, 'ClusterRole', `certfleet-${operators}`)['rules']), /"lanes"/);
    assert.deepEqual(apiPeers(objects, name, 'egress'), ['renewal-controller']);
    const restricted = { 'controller.networkPolicy.operatorsFrom': [{ ipBlock: { cidr: '192.0.2.0/24' } }] };
    const policies = await render({ ...values, ...restricted });
    assert.deepEqual(apiPeers(policies, 'certfleet-controller', 'ingress'), [undefined, 'pod-certificate-signer']);
  });

  it('needs no controller', async () => {
    const objects = await render({ ...values, 'controller.enabled': false });
    const { template } = workload(objects, 'Deployment', name);
    assert.equal(readConfig(template.spec.containers[0].args, {})['controller-url'], undefined);
    assert.equal(template.spec.volumes, undefined);
    assert.doesNotMatch(JSON.stringify(named(objects, 'ClusterRole', name)['rules']), /"lanes"/);
  });

  it('gives it no right on trust bundles if it maintains none', async () => {
    const objects = await render({ ...values, 'podCertificateSigner.trustBundles': false });
    const rules = named(objects, 'ClusterRole', name)['rules'] as readonly Rule[];
    assert.doesNotMatch(JSON.stringify(rules), /attest|clustertrustbundles/);
    const { template } = workload(objects, 'Deployment', name);
    assert.equal(readConfig(template.spec.containers[0].args, {})['trust-bundles'], false);
  });

  it('gives it the right to sign these names, to read these Secrets, and no more', async () => {
    const objects = await render(values);
    const rulesOf = (kind: string): readonly Rule[] => named(objects, kind, name)['rules'] as readonly Rule[];
    const all = [...rulesOf('ClusterRole'), ...rulesOf('Role')];
    const of = (resource: string): readonly Rule[] => all.filter(({ resources }) => resources.includes(resource));
    const signers = ['example.com/internal', 'example.com/other'];
    assert.deepEqual(
      of('signers').map(({ verbs, resourceNames }) => ({ verbs, resourceNames })),
      [{ verbs: ['sign', 'attest'], resourceNames: signers }],
    );
    assert.deepEqual(
      of('clustertrustbundles').map(({ verbs, resourceNames }) => ({ verbs, resourceNames })),
      [
        {
          verbs: ['get', 'create', 'patch'],
          resourceNames: ['example.com:internal:certfleet', 'example.com:other:certfleet'],
        },
      ],
    );
    assert.deepEqual(
      of('secrets').map(({ verbs, resourceNames }) => ({ verbs, resourceNames })),
      [{ verbs: ['get'], resourceNames: ['internal-ca'] }],
    );
    assert.ok(rulesOf('ClusterRole').every(({ resources }) => !resources.includes('secrets')));
    const writes = all.filter(({ verbs }) =>
      verbs.some((verb) => !['get', 'list', 'watch', 'sign', 'attest'].includes(verb)),
    );
    assert.deepEqual(
      writes.flatMap(({ resources }) => resources),
      ['podcertificaterequests/status', 'clustertrustbundles', 'podcertificatesigners/status', 'leases', 'leases'],
    );
    assert.ok(all.every(({ verbs, resources }) => ![...verbs, ...resources].includes('*')));
  });
});
