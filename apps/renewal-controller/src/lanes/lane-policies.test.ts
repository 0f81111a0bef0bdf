import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LanePolicies } from './lane-policies.ts';

const issuer = { group: 'cert-manager.io', kind: 'Issuer', namespace: 'shop', name: 'vault-eu' };

test('later overrides that name an issuer win over earlier ones and the defaults', () => {
  const policies = new LanePolicies({ burst: 7 }, [
    { issuer: '*/vault-*', policy: { ratePerSecond: 1, maxInFlight: 2 } },
    { issuer: 'Issuer.cert-manager.io/shop/*', policy: { maxInFlight: 3 } },
    { issuer: 'vault-eu', policy: { ratePerSecond: 99 } },
    { issuer: '*/vault-e.', policy: { ratePerSecond: 98 } },
  ]);
  const { ratePerSecond, maxInFlight, burst, priority } = policies.laneOf(issuer).policy;
  assert.deepEqual([ratePerSecond, maxInFlight, burst, priority], [1, 3, 7, 5]);
  assert.equal(policies.laneOf({ ...issuer, name: 'ca' }).policy.ratePerSecond, 10);
});

test('one issuer has one lane, and another namespace another', () => {
  const policies = new LanePolicies();
  assert.equal(policies.laneOf({ ...issuer }), policies.laneOf(issuer));
  assert.notEqual(policies.laneOf({ ...issuer, namespace: 'bank' }).id, policies.laneOf(issuer).id);
});

test('refuses policies that make no sense before the first renewal', () => {
  const bad = [
    { ratePerSecond: -1 },
    { burst: 0 },
    { maxInFlight: Number.NaN },
    { jitter: 0.9 },
    { backoff: { threshold: 0, initialMs: 1, maxMs: 2 } },
    { backoff: { threshold: 1, initialMs: 5, maxMs: 2 } },
    { windows: [{ cron: 'never', durationMs: 1000 }] },
  ];
  for (const policy of bad) {
    assert.throws(() => new LanePolicies(policy), { code: 'invalid-argument' });
    assert.throws(() => new LanePolicies({}, [{ issuer: '*', policy }]), { code: 'invalid-argument' });
  }
});
