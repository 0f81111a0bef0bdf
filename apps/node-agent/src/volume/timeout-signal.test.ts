import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { timeoutSignal } from './timeout-signal.ts';

describe('timeoutSignal', () => {
  test('aborts after the timeout, with the duration in the message', async () => {
    const clock = new ManualClock();
    const { signal } = timeoutSignal(clock, 30_000, []);
    await clock.advance(29_999);
    assert.equal(signal.aborted, false);
    await clock.advance(1);
    const { code, message } = signal.reason as CertfleetError;
    assert.deepEqual([code, message], ['deadline-exceeded', 'timed out after 30 s']);
  });

  test('aborts with another signal, and releases its timer when disposed', () => {
    const clock = new ManualClock();
    const other = new AbortController();
    {
      using limit = timeoutSignal(clock, 30_000, [other.signal]);
      other.abort(new CertfleetError('aborted', 'the volume was unpublished'));
      assert.equal((limit.signal.reason as CertfleetError).code, 'aborted');
      assert.equal(clock.timers, 1);
    }
    assert.equal(clock.timers, 0);
  });

  test('reports no negative duration for a deadline in the past', async () => {
    const clock = new ManualClock();
    const { signal } = timeoutSignal(clock, -1_500, []);
    await clock.advance(0);
    assert.match((signal.reason as CertfleetError).message, /after 0 s/);
  });
});
