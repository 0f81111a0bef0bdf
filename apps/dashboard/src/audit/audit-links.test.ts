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
  });

  test('an entry links to each volume that was chosen, but to none whose name is cut', () => {
    const linksOf = (target: string): readonly string[] =>
      auditLinks({ ...entry, action: 'renew', target }).map(({ href }) => href);
    assert.deepEqual(linksOf('volumes=a/x,b/y'), ['/volumes/a/x', '/volumes/b/y']);
    assert.deepEqual(linksOf('volumes=a/x,b/y and 3 more'), ['/volumes/a/x', '/volumes/b/y']);
    assert.deepEqual(linksOf('volumes=a/x,b/csi-0…'), ['/volumes/a/x']);
  });

  test('an entry links to its node and its rotation', () => {
    const linksOf = (target: string): readonly string[] =>
      auditLinks({ ...entry, action: 'rotate', target }).map(({ href }) => href);
    assert.deepEqual(linksOf('node=worker-1 state=failing'), ['/nodes/worker-1']);
    assert.deepEqual(linksOf('node=worker-*'), []);
    assert.deepEqual(linksOf('rotation corporate-2027'), ['/rotations']);
  });
});
