import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseReadinessGate, waitingReason } from './readiness-gate.ts';
import type { GatedPod } from './readiness-gate.ts';

describe('readiness gates', () => {
  test('reads each form of a gate', () => {
    assert.deepEqual(parseReadinessGate('pod-ip:any'), { kind: 'pod-ip', family: 'any' });
    assert.deepEqual(parseReadinessGate('pod-ip:ipv6'), { kind: 'pod-ip', family: 'ipv6' });
    assert.deepEqual(parseReadinessGate('pod-condition:PodScheduled'), {
      kind: 'pod-condition',
      type: 'PodScheduled',
      status: 'True',
    });
    assert.deepEqual(parseReadinessGate('pod-condition:example.com/Gate=False'), {
      kind: 'pod-condition',
      type: 'example.com/Gate',
      status: 'False',
    });
    assert.deepEqual(parseReadinessGate('pod-annotation:example.com/ip'), {
      kind: 'pod-annotation',
      key: 'example.com/ip',
    });
  });

  test('rejects other forms and lists the expected ones', () => {
    const expected = {
      '': /begins with pod-ip:, pod-condition: or pod-annotation:, found ""$/,
      'pod-ip': /begins with pod-ip:/,
      'pod-name:x': /begins with pod-ip:.* found "pod-name:x"$/,
      'pod-ip:': /pod-ip:any, pod-ip:ipv4 or pod-ip:ipv6/,
      'pod-ip:ipv5': /pod-ip:any, pod-ip:ipv4 or pod-ip:ipv6/,
      'pod-condition:': /pod-condition:Type/,
      'pod-condition:Ready=': /=True, =False or =Unknown/,
      'pod-condition:Ready=yes': /=True, =False or =Unknown/,
      'pod-condition:Ready=True=True': /pod-condition:Type/,
      'pod-annotation:': /pod-annotation:key/,
      'pod-annotation:a/b/c': /pod-annotation:key/,
    };
    for (const [value, message] of Object.entries(expected)) {
      assert.throws(() => parseReadinessGate(value), { code: 'invalid-argument', message });
    }
  });

  test('waits for an address of the family', () => {
    const reason = (gate: string, pod: GatedPod): string | undefined => waitingReason([parseReadinessGate(gate)], pod);
    const dualStack = { status: { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] } };
    assert.equal(reason('pod-ip:any', {}), 'waiting for pod ip (any)');
    assert.equal(reason('pod-ip:any', { status: { podIP: '' } }), 'waiting for pod ip (any)');
    assert.equal(reason('pod-ip:any', { status: { podIP: 'fd00::1' } }), undefined);
    assert.equal(reason('pod-ip:ipv4', { status: { podIP: 'fd00::1' } }), 'waiting for pod ip (ipv4)');
    assert.equal(reason('pod-ip:ipv6', { status: { podIP: '10.0.0.1' } }), 'waiting for pod ip (ipv6)');
    assert.equal(reason('pod-ip:ipv4', dualStack), undefined);
    assert.equal(reason('pod-ip:ipv6', dualStack), undefined);
  });

  test('waits for a condition to have its status', () => {
    const gates = [parseReadinessGate('pod-condition:Ready=False')];
    const pod = (status: string): GatedPod => ({ status: { conditions: [{ type: 'Ready', status }] } });
    assert.equal(waitingReason(gates, pod('True')), 'waiting for pod condition (Ready=False)');
    assert.equal(waitingReason(gates, pod('False')), undefined);
    assert.equal(waitingReason(gates, { status: {} }), 'waiting for pod condition (Ready=False)');
  });

  test('waits for an annotation with any value', () => {
    const gates = [parseReadinessGate('pod-annotation:example.com/ip')];
    assert.equal(waitingReason(gates, { metadata: {} }), 'waiting for pod annotation (example.com/ip)');
    assert.equal(waitingReason(gates, { metadata: { annotations: { 'example.com/ip': '' } } }), undefined);
    assert.equal(
      waitingReason([parseReadinessGate('pod-annotation:constructor')], { metadata: { annotations: {} } }),
      'waiting for pod annotation (constructor)',
    );
  });

  test('passes if all gates are met, and names each that is not', () => {
    const gates = ['pod-ip:any', 'pod-condition:Initialized'].map(parseReadinessGate);
    assert.equal(waitingReason([], {}), undefined);
    assert.equal(waitingReason(gates, {}), 'waiting for pod ip (any), pod condition (Initialized=True)');
  });
});
