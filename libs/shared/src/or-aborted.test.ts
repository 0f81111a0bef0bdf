import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { orAborted } from './or-aborted.ts';

describe('orAborted', () => {
  test('returns the result or error and leaves no listener', async () => {
    const { signal } = new AbortController();
    assert.equal(await orAborted(Promise.resolve(7), signal), 7);
    await assert.rejects(orAborted(Promise.reject(new Error('failed')), signal), /failed/);
    assert.equal(await orAborted(Promise.resolve(7), undefined), 7);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('rejects with the reason when aborted and ignores the later result', async () => {
    const aborter = new AbortController();
    const work = Promise.withResolvers<number>();
    const result = assert.rejects(orAborted(work.promise, aborter.signal), /enough/);
    aborter.abort(new Error('enough'));
    await result;
    await assert.rejects(orAborted(work.promise, aborter.signal), /enough/);
    work.reject(new Error('too late'));
  });
});
