import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { withoutController } from './controller-values.ts';
import { render as renderWhole } from './render-chart.ts';
import type { Rendered } from './render-chart.ts';

const enabled = { ...withoutController, 'admissionPolicies.enabled': true };

async function policies(values: object = {}): Promise<Rendered[]> {
  const objects = await renderWhole({ ...enabled, ...values });
  return objects.filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy'));
}

const namesOf = (objects: readonly Rendered[], kind: string): string[] =>
  objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
const actionsOf = (objects: readonly Rendered[]): unknown[] =>
  objects
    .filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
    .map(({ spec }) => (spec as { validationActions: unknown }).validationActions);

describe('the admission policies', () => {
  it('are off by default', async () => {
    const objects = await renderWhole(withoutController);
    assert.deepEqual(namesOf(objects, 'ValidatingAdmissionPolicy'), []);
  });

  it('are one for each place of a pod template and for each action, with a binding', async () => {
    const objects = await policies();
    const places = ['certfleet-pods', 'certfleet-workloads', 'certfleet-cronjobs'];
    const expected = places.flatMap((name) => [name, `${name}-unknown`]).sort();
    assert.deepEqual(namesOf(objects, 'ValidatingAdmissionPolicy').sort(), expected);
    assert.deepEqual(namesOf(objects, 'ValidatingAdmissionPolicyBinding').sort(), expected);
    assert.deepEqual(new Set(actionsOf(objects).map(String)), new Set(['Deny', 'Warn']));
  });

  it('judge unknown attributes as wrong ones if the agent is strict', async () => {
    const objects = await policies({ 'app.driver.strictAttributes': true });
    assert.equal(objects.length, 6);
    assert.deepEqual(new Set(actionsOf(objects).map(String)), new Set(['Deny']));
  });

  it('have the actions, the driver and the namespaces of the values', async () => {
    const objects = await policies({
      'admissionPolicies.validationActions': ['Warn', 'Audit'],
      'admissionPolicies.unknownAttributeActions': [],
      'admissionPolicies.namespaceSelector': { matchLabels: { team: 'a' } },
      'app.driver.name': 'other.example.com',
    });
    assert.equal(objects.length, 6);
    assert.deepEqual(actionsOf(objects), Array(3).fill(['Warn', 'Audit']));
    for (const { spec } of objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')) {
      const text = JSON.stringify(spec);
      assert.ok(text.includes('v.csi.driver == \\"other.example.com\\"'));
      assert.ok(text.includes('"namespaceSelector":{"matchLabels":{"team":"a"}}'));
    }
  });

  it('reject actions that exclude each other, and a cluster without such policies', async () => {
    await assert.rejects(policies({ 'admissionPolicies.validationActions': ['Deny', 'Warn'] }), /validationActions/);
    await assert.rejects(policies({ 'admissionPolicies.validationActions': [] }), /validationActions/);
    await assert.rejects(
      renderWhole(enabled, { kubeVersion: '1.29.0' }),
      /admissionPolicies\.enabled: expected Kubernetes 1\.30/,
    );
  });
});
