import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { timeoutSignal } from './timeout-signal.ts';

test('a deadline aborts at its time with what was expected', async () => {
  const clock = new ManualClock();
  const { signal } = timeoutSignal(clock, 30_000, []);
  await clock.advance(29_999);
  assert.equal(signal.aborted, false);
  await clock.advance(1);
  const { code, message } = signal.reason as CertfleetError;
  assert.deepEqual([code, message], ['deadline-exceeded', 'timed out after 30 s']);
});

test('a deadline aborts with whoever else gives up, and lets go of its timer at the end', () => {
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

test('a deadline that has passed already never speaks of negative time', async () => {
  const clock = new ManualClock();
  const { signal } = timeoutSignal(clock, -1_500, []);
  await clock.advance(0);
  assert.match((signal.reason as CertfleetError).message, /after 0 s/);
});
