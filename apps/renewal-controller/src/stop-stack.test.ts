import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { StopStack } from './stop-stack.ts';

function fixture(): { clock: ManualClock; stack: StopStack; log: string[]; done: string[] } {
  const clock = new ManualClock(0);
  const log: string[] = [];
  const stack = new StopStack({ clock, log: createLogger(1, { write: (line: string) => void log.push(line) }) });
  return { clock, stack, log, done: [] };
}

/** Advances the clock second by second until the stop has ended; for two minutes at most. */
async function finish(clock: ManualClock, stopped: Promise<void>): Promise<void> {
  const state = { isOver: false };
  void stopped.then(() => (state.isOver = true));
  for (let i = 0; i < 120 && !state.isOver; i += 1) await clock.advance(1_000);
  assert.ok(state.isOver, 'the stop has ended');
}

describe('StopStack', () => {
  test('runs the steps in reverse, once, and continues after one that fails or hangs', async () => {
    const { clock, stack, log, done } = fixture();
    stack.defer(() => done.push('first'));
    stack.defer(() => new Promise(() => undefined));
    stack.defer(() => Promise.reject(new Error('broken')));
    stack.defer(() => done.push('last'));
    await finish(clock, stack.stop());
    await stack.stop();
    assert.deepEqual(done, ['last', 'first']);
    assert.equal(log.length, 2);
    assert.equal(clock.timers, 0);
  });

  test('ends within its total limit, however many steps hang', async () => {
    const { clock, stack, done } = fixture();
    stack.defer(() => done.push('first'));
    for (let i = 0; i < 20; i += 1) stack.defer(() => new Promise(() => undefined));
    await finish(clock, stack.stop());
    assert.ok(clock.monotonic() <= 16_000, `${clock.monotonic()} ms`);
    assert.deepEqual(done, ['first']);
  });
});
