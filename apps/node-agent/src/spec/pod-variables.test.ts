import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseVolumeSpec } from './parse-volume-spec.ts';
import type { VolumeSpecOptions } from './parse-volume-spec.ts';
import type { VolumeSpec } from './volume-spec.ts';

const pod = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': 'uid-1',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
};
const settings = { labels: ['app', 'app.kubernetes.io/*'], annotations: ['example.com/names'] };

function parse(attributes: Record<string, string>, options: Partial<VolumeSpecOptions> = {}): VolumeSpec {
  const own = Object.entries({ 'issuer-name': 'ca', ...attributes });
  return parseVolumeSpec(
    { ...pod, ...Object.fromEntries(own.map(([name, value]) => [`csi.cert-manager.io/${name}`, value] as const)) },
    { nodeName: 'node-1', podVariables: settings, defaultDurationMs: 1, volumeMountGroup: '', ...options },
  );
}

function refuses(attributes: Record<string, string>, message: RegExp, options: Partial<VolumeSpecOptions> = {}): void {
  assert.throws(() => parse(attributes, options), { code: 'invalid-argument', reason: 'InvalidAttributes', message });
}

describe('variables of the pod', () => {
  test('are expanded from their values, in every attribute that takes variables', () => {
    const podValues = {
      POD_FQDN: 'web-0.web.shop.svc.cluster.local',
      POD_HOSTNAME: 'web-0',
      'POD_LABEL_app.kubernetes.io/name': 'web',
      'POD_ANNOTATION_example.com/names': 'a.example.com,b.example.com',
      POD_LABEL_app: '10.0.0.7',
    };
    const spec = parse(
      {
        'common-name': '$POD_HOSTNAME',
        'dns-names': '${POD_FQDN},${POD_ANNOTATION_example.com/names}',
        'uri-sans': 'spiffe://shop/${POD_LABEL_app.kubernetes.io/name}',
        'ip-sans': '$POD_LABEL_app',
        'probe-port': '8443',
        'probe-server-name': '${POD_FQDN}',
      },
      { podValues },
    );
    assert.deepEqual(spec.subject, [[{ oid: '2.5.4.3', value: 'web-0' }]]);
    assert.deepEqual(spec.dnsNames, ['web-0.web.shop.svc.cluster.local', 'a.example.com', 'b.example.com']);
    assert.deepEqual(spec.uris, ['spiffe://shop/web']);
    assert.deepEqual(spec.ipAddresses, ['10.0.0.7']);
    assert.equal(spec.probe?.serverName, 'web-0.web.shop.svc.cluster.local');
    assert.deepEqual([...spec.podVariables.used].sort(), Object.keys(podValues).sort());
    assert.deepEqual(spec.podVariables.unknown, []);
  });

  test('leave an attribute unset and unchecked until their value is known', () => {
    const spec = parse({ 'uri-sans': '${POD_ANNOTATION_example.com/names}', 'common-name': 'web' });
    assert.deepEqual(spec.uris, []);
    assert.deepEqual(spec.podVariables.unknown, ['POD_ANNOTATION_example.com/names']);
    refuses(
      { 'uri-sans': '${POD_ANNOTATION_example.com/names}' },
      /uri-sans: Invalid value: ".*": "no uri" must be a URI with a scheme/,
      { podValues: { 'POD_ANNOTATION_example.com/names': 'no uri' } },
    );
  });

  test('report other problems, and unknown attributes, before the pod is read', () => {
    refuses(
      { 'dns-names': '$POD_FQDN', 'dns-name': 'x', duration: '0s' },
      /duration: Invalid value.*unknown attribute ".*\/dns-name" is ignored/,
    );
  });

  test('report why the pod has no value, together with unknown attributes', () => {
    for (const strictAttributes of [false, true]) {
      refuses(
        { 'dns-names': '${POD_LABEL_app}.shop', 'dns-name': 'x' },
        /dns-names: Invalid value: "\$\{POD_LABEL_app\}\.shop": the pod has no label "app".*\/dns-name/,
        { podReasons: { POD_LABEL_app: 'the pod has no label "app"' }, strictAttributes },
      );
    }
  });

  test('need the key in the list of the operator', () => {
    refuses(
      { 'dns-names': '${POD_LABEL_team}' },
      /the label "team" is not allowed in variables: add it to the chart's app\.driver\.podVariables\.labels \(--pod-variable-label\)$/,
    );
    refuses(
      { 'dns-names': '${POD_ANNOTATION_app}' },
      /the annotation "app" is not allowed .*app\.driver\.podVariables\.annotations \(--pod-variable-annotation\)$/,
    );
    assert.deepEqual(parse({ 'dns-names': '${POD_LABEL_app.kubernetes.io/part-of}' }).podVariables.unknown, [
      'POD_LABEL_app.kubernetes.io/part-of',
    ]);
  });

  test('are off without the setting, and the list of known variables stays that of csi-driver', () => {
    const off = { podVariables: undefined };
    refuses({ 'dns-names': '$POD_FQDN' }, /"POD_FQDN" is read from the pod.*app\.driver\.podVariables\.enabled/, off);
    refuses({ 'dns-names': '$POD_LABEL_app' }, /"POD_LABEL_app" is read from the pod/, off);
    const known = 'NODE_NAME POD_NAME POD_NAMESPACE POD_UID SERVICE_ACCOUNT_NAME';
    refuses({ 'dns-names': '$Foo' }, new RegExp(`undefined variable "Foo", known variables: \\[${known}\\]$`), off);
    for (const name of ['Foo', 'POD_LABEL_', 'POD_FQDNS']) {
      refuses({ 'dns-names': `$${name}` }, /undefined variable ".*POD_ANNOTATION_<key> POD_FQDN POD_HOSTNAME/);
    }
  });

  test('of an existing volume keep their values, whatever this node allows now', () => {
    const existing = { lenient: true, podVariables: undefined, podValues: { POD_LABEL_team: 'a' } };
    assert.deepEqual(parse({ 'dns-names': '${POD_LABEL_team}.shop' }, existing).dnsNames, ['a.shop']);
  });

  test('of an existing volume without a value stay unknown: its certificate would lack a name', () => {
    const { dnsNames, podVariables } = parse({ 'dns-names': '$POD_FQDN' }, { lenient: true, podVariables: undefined });
    assert.deepEqual([dnsNames, podVariables.unknown], [[], ['POD_FQDN']]);
  });
});
