import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import type { Caller, CallerTraces, OperatorGate } from '../../identity/operator-gate.ts';
import { EventStreams } from './event-streams.ts';

const caller: Caller = { user: { username: 'jane', uid: '', groups: [], extra: {} }, proof: 'cookie' };
const traces: CallerTraces = { headers: {}, cookie: 'session-of-jane' };

/** A stream of the user jane and the gate's adjustable answers about her. */
function fixture(): {
  clock: ManualClock;
  streams: EventStreams;
  answers: { identify: () => Promise<Caller>; allows: boolean };
  ended: () => number;
  unwatch: () => void;
} {
  const clock = new ManualClock(0);
  const answers = { identify: (): Promise<Caller> => Promise.resolve(caller), allows: true };
  const gate: OperatorGate = {
    auth: 'kubernetes',
    isKnown: () => true,
    identify: () => answers.identify(),
    allows: () => Promise.resolve(answers.allows),
  };
  const streams = new EventStreams({ gate, clock });
  let ended = 0;
  const unwatch = streams.watch({ caller, traces, end: () => (ended += 1) });
  return { clock, streams, answers, ended: () => ended, unwatch };
}

describe('EventStreams', () => {
  test('ends a stream at once when its session is closed on this replica', () => {
    const { streams, ended } = fixture();
    streams.signedOut('session-of-bob');
    assert.equal(ended(), 0);
    streams.signedOut('session-of-jane');
    assert.equal(ended(), 1);
  });

  test('ends a stream soon after its session was closed elsewhere or its right was revoked', async () => {
    const closed = fixture();
    const taken = fixture();
    for (const { clock, ended } of [closed, taken]) {
      await clock.advance(600_000);
      assert.equal(ended(), 0);
    }
    closed.answers.identify = () => Promise.reject(new CertfleetError('unauthenticated', 'the session has ended'));
    taken.answers.allows = false;
    for (const { clock, ended } of [closed, taken]) {
      await clock.advance(10_000);
      assert.equal(ended(), 1);
      assert.equal(clock.timers, 0);
    }
  });

  test('keeps a stream while the check is unavailable, and cleans up its timers', async () => {
    const { clock, streams, answers, ended, unwatch } = fixture();
    answers.identify = () => Promise.reject(new CertfleetError('unavailable', 'away'));
    await clock.advance(600_000);
    assert.equal(ended(), 0);
    unwatch();
    streams.signedOut('session-of-jane');
    await clock.advance(600_000);
    assert.deepEqual([ended(), clock.timers], [0, 0]);
  });
});
