import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resolvePodVariables } from './pod-variable-values.ts';
import type { PodObject, ResolvedPodVariables } from './pod-variable-values.ts';

interface PodChanges {
  readonly spec?: Partial<PodObject['spec']>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

function resolve(name: string, { spec, labels = {}, annotations = {} }: PodChanges = {}, podName = 'web-0') {
  const pod: PodObject = {
    metadata: { labels, annotations },
    spec: { hostNetwork: false, hostname: '', hostnameOverride: '', subdomain: '', ...spec },
    status: { podIPs: [], hostIPs: [] },
  };
  return resolvePodVariables([name], pod, { name: podName, namespace: 'shop', clusterDomain: 'example.local' });
}
const value = (name: string, text: string): ResolvedPodVariables => ({ values: { [name]: text }, problems: {} });
const problem = (name: string, text: string): ResolvedPodVariables => ({ values: {}, problems: { [name]: text } });

describe('resolvePodVariables', () => {
  test('names a pod as the kubelet does', () => {
    assert.deepEqual(resolve('POD_HOSTNAME'), value('POD_HOSTNAME', 'web-0'));
    assert.deepEqual(resolve('POD_HOSTNAME', { spec: { hostname: 'db' } }), value('POD_HOSTNAME', 'db'));
    const long = `${'x'.repeat(61)}-.${'y'.repeat(9)}`;
    assert.deepEqual(resolve('POD_HOSTNAME', {}, long), value('POD_HOSTNAME', 'x'.repeat(61)));
    const overridden = { spec: { hostname: 'db', hostnameOverride: 'other.example.com', subdomain: 'dbs' } };
    assert.deepEqual(resolve('POD_HOSTNAME', overridden), value('POD_HOSTNAME', 'other.example.com'));
    assert.deepEqual(resolve('POD_FQDN', overridden), value('POD_FQDN', 'db.dbs.shop.svc.example.local'));
    assert.deepEqual(
      resolve('POD_FQDN', { spec: { subdomain: 'web' } }),
      value('POD_FQDN', 'web-0.web.shop.svc.example.local'),
    );
  });

  test('has no name for a pod whose name is not known', () => {
    assert.deepEqual(resolve('POD_FQDN'), problem('POD_FQDN', "the pod has no FQDN: set the pod's spec.subdomain"));
    assert.match(
      resolve('POD_HOSTNAME', { spec: { hostNetwork: true } }).problems['POD_HOSTNAME'] ?? '',
      /is in the host's network.*spec\.hostname/,
    );
    const named = { spec: { hostNetwork: true, hostname: 'db' } };
    assert.deepEqual(resolve('POD_HOSTNAME', named), value('POD_HOSTNAME', 'db'));
  });

  test('reads labels and annotations, and names one that is missing or empty', () => {
    const labels = { 'app.kubernetes.io/name': 'web', empty: '' };
    const name = 'POD_LABEL_app.kubernetes.io/name';
    assert.deepEqual(resolve(name, { labels }), value(name, 'web'));
    assert.deepEqual(resolve('POD_LABEL_team', { labels }), problem('POD_LABEL_team', 'the pod has no label "team"'));
    assert.deepEqual(
      resolve('POD_LABEL_constructor', { labels }),
      problem('POD_LABEL_constructor', 'the pod has no label "constructor"'),
    );
    assert.deepEqual(
      resolve('POD_LABEL_empty', { labels }),
      problem('POD_LABEL_empty', 'the label "empty" of the pod is empty'),
    );
    assert.deepEqual(
      resolve('POD_ANNOTATION_team', { labels: { team: 'a' } }),
      problem('POD_ANNOTATION_team', 'the pod has no annotation "team"'),
    );
    assert.deepEqual(
      resolve('POD_ANNOTATION_team', { annotations: { team: 'a, b' } }),
      value('POD_ANNOTATION_team', 'a, b'),
    );
  });
});
