import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { LanePolicies } from './lane-policies.ts';

const issuer = { group: 'cert-manager.io', kind: 'Issuer', namespace: 'shop', name: 'vault-eu' };

describe('LanePolicies', () => {
  test('prefers later overrides to earlier ones and to the defaults', () => {
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

  test('returns one lane per issuer, and another for another namespace', () => {
    const policies = new LanePolicies();
    assert.equal(policies.laneOf({ ...issuer }), policies.laneOf(issuer));
    assert.notEqual(policies.laneOf({ ...issuer, namespace: 'bank' }).id, policies.laneOf(issuer).id);
  });

  test('rejects invalid policies at startup', () => {
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

  test('rejects unknown fields', () => {
    const misspelt = { ratePerSec: 1 } as object;
    assert.throws(() => new LanePolicies(misspelt), /unknown field ratePerSec, expected one of ratePerSecond, /);
    assert.throws(() => new LanePolicies({}, [{ issuer: '*', policy: misspelt }]), { code: 'invalid-argument' });
  });

  test('accepts the example, with the effect that its comments describe', () => {
    const text = readFileSync(resolve(import.meta.dirname, '../../../../examples/lane-policies.yaml'), 'utf8');
    const { controller } = parse(text) as {
      controller: { lanePolicies: { defaults: object; overrides: ConstructorParameters<typeof LanePolicies>[1] } };
    };
    const policies = new LanePolicies(controller.lanePolicies.defaults, controller.lanePolicies.overrides);
    const clusterIssuer = (name: string) => ({ group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name });
    assert.equal(policies.laneOf(clusterIssuer('letsencrypt-prod')).policy.maxInFlight, 2);
    const { windows } = policies.laneOf(clusterIssuer('corporate-root'));
    assert.equal(windows.opensInMs(Date.UTC(2026, 0, 15, 1, 30)), 0);
    assert.ok(windows.opensInMs(Date.UTC(2026, 0, 15, 12)) > 0);
    assert.equal(policies.laneOf({ ...issuer, namespace: 'payments' }).policy.priority, 9);
    assert.equal(policies.laneOf(issuer).policy.priority, 5);
  });
});
