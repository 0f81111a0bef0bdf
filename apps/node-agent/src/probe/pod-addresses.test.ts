import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { podAddresses } from './pod-addresses.ts';

const expected = { uid: 'uid-1', nodeName: 'n1' };

function pod(podIPs: readonly string[], changes: { uid?: string; nodeName?: string; hostNetwork?: boolean } = {}) {
  const { uid = 'uid-1', nodeName = 'n1', hostNetwork = false } = changes;
  const status = { podIPs: podIPs.map((ip) => ({ ip })), hostIPs: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }] };
  return { uid, spec: { nodeName, hostNetwork }, status };
}

describe('podAddresses', () => {
  test("returns a pod's addresses in its order, two at most", () => {
    assert.deepEqual(podAddresses(pod(['10.0.0.7']), expected), { addresses: ['10.0.0.7'] });
    const three = pod(['fd00::7', '10.0.0.7', '10.0.0.8']);
    assert.deepEqual(podAddresses(three, expected), { addresses: ['fd00::7', '10.0.0.7'] });
  });

  test('returns none for a pod that is gone, was replaced, is on another node or has no address yet', () => {
    const failure = { failure: 'no-address' };
    assert.deepEqual(podAddresses(undefined, expected), failure);
    assert.deepEqual(podAddresses(pod(['10.0.0.7'], { uid: 'uid-2' }), expected), failure);
    assert.deepEqual(podAddresses(pod(['10.0.0.7'], { nodeName: 'n2' }), expected), failure);
    assert.deepEqual(podAddresses(pod([]), expected), failure);
  });

  test("returns none in the host's network", () => {
    assert.deepEqual(podAddresses(pod(['192.0.2.1'], { hostNetwork: true }), expected), { failure: 'host-network' });
  });

  test('leaves out every address that does not belong to the pod alone', () => {
    const foreign = [
      ...['192.0.2.1', '2001:db8::1', '127.0.0.1', '127.8.8.8', '0.0.0.0', '169.254.169.254', '224.0.0.1'],
      ...['255.255.255.255', '::', '::1', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::a00:1'],
      ...['fe80::1%eth0', 'fd00::1%eth0', 'localhost', 'evil.example', '10.0.0.7:80', ''],
    ];
    for (const ip of foreign) assert.deepEqual(podAddresses(pod([ip]), expected), { failure: 'no-address' }, ip);
    assert.deepEqual(podAddresses(pod([...foreign, '10.0.0.7']), expected), { addresses: ['10.0.0.7'] });
  });
});
