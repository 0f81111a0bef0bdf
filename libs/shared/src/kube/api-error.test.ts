import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { errorFromResponse } from './api-error.ts';

const now = Date.UTC(2026, 0, 1);

function refusal(statusCode: number, body: unknown, retryAfter?: string): ReturnType<typeof errorFromResponse> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return errorFromResponse({ statusCode, body: text, retryAfter, action: 'create pods' }, now);
}

describe('errorFromResponse', () => {
  test("maps the API server's errors to codes and keeps message and reason", () => {
    const cases = [
      [400, 'BadRequest', 'invalid-argument', false],
      [401, 'Unauthorized', 'unauthenticated', true],
      [403, 'Forbidden', 'permission-denied', false],
      [404, 'NotFound', 'not-found', false],
      [409, 'AlreadyExists', 'already-exists', false],
      [409, 'Conflict', 'aborted', true],
      [410, 'Expired', 'aborted', true],
      [422, 'Invalid', 'invalid-argument', false],
      [429, 'TooManyRequests', 'resource-exhausted', true],
      [500, 'InternalError', 'internal', true],
      [503, 'ServiceUnavailable', 'unavailable', true],
      [504, 'Timeout', 'unavailable', true],
    ] as const;
    for (const [statusCode, reason, code, retryable] of cases) {
      const error = refusal(statusCode, { kind: 'Status', reason, message: 'because', details: { name: 'x' } });
      assert.deepEqual([error.code, error.reason, error.retryable], [code, reason, retryable], String(statusCode));
      assert.equal(error.message, `could not create pods: the API server answered ${statusCode}: because`);
    }
  });

  test('distinguishes an API that is not installed from an object that does not exist', () => {
    assert.equal(refusal(404, '404 page not found\n').reason, 'ApiNotServed');
    assert.equal(refusal(404, { kind: 'Status', reason: 'NotFound', details: {} }).reason, 'ApiNotServed');
  });

  test('recognizes a namespace that is being deleted by its cause', () => {
    const details = { name: 'x', causes: [{ reason: 'NamespaceTerminating' }] };
    assert.equal(refusal(403, { kind: 'Status', reason: 'Forbidden', details }).reason, 'NamespaceTerminating');
  });

  test('does not adopt a reason that a webhook invented', () => {
    assert.equal(refusal(400, { kind: 'Status', reason: 'pod-1234 was rejected', details: {} }).reason, 'Refused');
  });

  test('limits the message to one line of bounded length', () => {
    const { message } = refusal(400, { kind: 'Status', message: `first\n\u001b[31msecond ${'x'.repeat(5000)}` });
    assert.ok(message.length < 1200);
    assert.match(message, /first \[31msecond x+…$/);
  });

  test('reads Retry-After as seconds, as a date, and from the Status', () => {
    assert.equal(refusal(429, {}, '7').retryAfterMs, 7000);
    assert.equal(refusal(429, {}, new Date(now + 9000).toUTCString()).retryAfterMs, 9000);
    assert.equal(refusal(429, { details: { retryAfterSeconds: 2 } }).retryAfterMs, 2000);
    assert.equal(refusal(429, {}, 'soon').retryAfterMs, undefined);
  });
});
