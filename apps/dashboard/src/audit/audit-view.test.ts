import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditQuery, formatAuditView, parseAuditView, withAuditFilter } from './audit-view.ts';

const hour = 3_600_000;

describe('the view of the audit log', () => {
  test('filters are encoded in the address and parsed back', () => {
    const address = '/audit?who=jane&action=pause&target=lane+x&since=24h';
    const view = parseAuditView(address.slice('/audit'.length));
    assert.deepEqual(view.problems, []);
    assert.equal(formatAuditView(view), address);
    assert.equal(formatAuditView(withAuditFilter({ ...view, after: '1-0' }, 'since', '')), address.slice(0, -10));
  });

  test('a length is a time before now', () => {
    const query = auditQuery(parseAuditView('?since=24h&until=2026-12-01T00:00:00Z'), 48 * hour);
    assert.deepEqual(Object.fromEntries(query), {
      since: new Date(24 * hour).toISOString(),
      until: '2026-12-01T00:00:00.000Z',
    });
  });

  test('names what it does not understand', () => {
    const { problems } = parseAuditView('?action=fly&since=soon&whom=jane&after=1-0');
    assert.deepEqual(problems, ['action=fly', 'since=soon', 'whom=jane']);
  });
});
