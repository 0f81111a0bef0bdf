import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missingRight } from './missing-right.ts';

describe('missingRight', () => {
  test('the error names the user, the right and the ClusterRole to bind', () => {
    const { code, reason, message } = missingRight('system:serviceaccount:cert-manager:my-account', 'renew');
    assert.deepEqual([code, reason], ['permission-denied', 'NoRight']);
    assert.equal(
      message,
      'user "system:serviceaccount:cert-manager:my-account" has no right to renew volumes.certfleet.io: bind the ClusterRole ' +
        'certfleet-renew to this user, or to one of its groups, with a ClusterRoleBinding',
    );
  });

  test('quotes and truncates a hostile user name', () => {
    const { message } = missingRight(`jane"\n\u001b[31m${'x'.repeat(10_000)}`, 'view');
    assert.ok(message.length < 1000);
    assert.match(message, /^user "jane\\"\\n\\u001b\[31mx+" has no right to view volumes\.certfleet\.io: /);
  });
});
