import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditLinks } from './audit-links.ts';

const entry = { id: '1-0', at: '2026-03-01T12:00:00Z', who: 'jane' } as const;

describe('auditLinks', () => {
  test('an entry links to its lane, its renewal and its only volume', () => {
    const key = 'ClusterIssuer.cert-manager.io//ca';
    assert.deepEqual(auditLinks({ ...entry, action: 'pause', target: `lane ${key}` }), [
      { href: '/lanes?search=ClusterIssuer.cert-manager.io%2F%2Fca', text: 'lane' },
    ]);
    const renewed = { action: 'renew', target: 'volumes=worker-1/csi-web', detail: '1 volumes; renewal r-1' } as const;
    assert.deepEqual(
      auditLinks({ ...entry, ...renewed }).map(({ href }) => href),
      ['/renewals/r-1', '/volumes/worker-1/csi-web'],
    );
    assert.deepEqual(
      auditLinks({ ...entry, action: 'cancel', target: 'renewal r-1' }).map(({ href }) => href),
      ['/renewals/r-1'],
    );
    assert.deepEqual(auditLinks({ ...entry, action: 'sign-in', target: 'session' }), []);
    assert.deepEqual(auditLinks({ ...entry, action: 'renew', target: 'volumes=a/x,b/y' }), []);
  });
});
