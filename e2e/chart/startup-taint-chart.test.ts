import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { withoutController } from './controller-values.ts';
import { objectOf, render as renderWhole } from './render-chart.ts';
import type { Rendered } from './render-chart.ts';

const render = (values: object = {}): Promise<Rendered[]> => renderWhole({ ...withoutController, ...values });

interface PodSpec {
  readonly tolerations?: readonly object[];
  readonly containers: readonly { readonly args: readonly string[] }[];
}

const podSpec = (objects: readonly Rendered[]): PodSpec =>
  (objectOf(objects, 'DaemonSet')['spec'] as { template: { spec: PodSpec } }).template.spec;
const flags = (objects: readonly Rendered[]): readonly string[] =>
  podSpec(objects).containers[0]?.args.filter((arg) => /^--(startup-taint|ready-node-label)/.test(arg)) ?? [];

describe('the startup taint', () => {
  it('is off by default: no flag, no right to nodes, no policy', async () => {
    const objects = await render();
    assert.deepEqual(flags(objects), []);
    assert.ok(!JSON.stringify(objectOf(objects, 'ClusterRole')['rules']).includes('nodes'));
    assert.equal(podSpec(objects).tolerations, undefined);
  });

  it('gives the agent its flags, a toleration, and the right to its own node', async () => {
    const objects = await render({
      'app.driver.startupTaint.enabled': true,
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
    });
    assert.deepEqual(flags(objects), [
      '--startup-taint=certfleet.io/agent-not-ready',
      '--ready-node-label=certfleet.io/agent=ready',
    ]);
    assert.deepEqual(podSpec(objects).tolerations, [
      { key: 'gpu', operator: 'Exists' },
      { key: 'certfleet.io/agent-not-ready', operator: 'Exists' },
    ]);
    const rules = objectOf(objects, 'ClusterRole')['rules'] as object[];
    assert.deepEqual(rules.at(-1), { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'patch'] });
    assert.equal(objectOf(objects, 'ValidatingAdmissionPolicy').metadata.name, 'certfleet-own-node');
  });

  it('rejects a key and a label that Kubernetes would reject', async () => {
    for (const [name, value] of [
      ['key', ''],
      ['key', 'a/b/c'],
      ['key', 'a b'],
      ['nodeLabel', 'ready'],
      ['nodeLabel', 'a=b=c'],
    ]) {
      await assert.rejects(render({ [`app.driver.startupTaint.${name}`]: value }), /startupTaint/, `${name} ${value}`);
    }
    const objects = await render({ 'app.driver.startupTaint.enabled': true, 'app.driver.startupTaint.nodeLabel': '' });
    assert.deepEqual(flags(objects), ['--startup-taint=certfleet.io/agent-not-ready']);
  });
});
