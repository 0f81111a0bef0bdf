import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { delay, systemClock } from './clock.ts';
import { ManualClock } from './manual-clock.ts';

describe('clocks', () => {
  test('resolves at its time and leaves no timer', async () => {
    const clock = new ManualClock();
    let over = false;
    void delay(clock, 50, new AbortController().signal).then(() => (over = true));
    await clock.advance(49);
    assert.equal(over, false);
    await clock.advance(1);
    assert.equal(over, true);
    assert.equal(clock.timers, 0);
  });

  test('rejects with the reason when aborted, and cancels its timer', async () => {
    const clock = new ManualClock();
    const aborter = new AbortController();
    const refused = assert.rejects(delay(clock, 50, aborter.signal), /enough/);
    aborter.abort(new Error('enough'));
    await refused;
    assert.equal(clock.timers, 0);
    await assert.rejects(delay(clock, 50, aborter.signal), /enough/);
  });

  test('a step of wall time neither fires timers nor moves monotonic time', async () => {
    const clock = new ManualClock(1_000);
    let fired = false;
    clock.schedule(50, () => (fired = true));
    clock.stepWall(3_600_000);
    await clock.advance(49);
    assert.deepEqual([fired, clock.now(), clock.monotonic()], [false, 3_601_049, 49]);
    await clock.advance(1);
    assert.equal(fired, true);
  });

  test('the system clock waits longer than the maximum of one Node timer', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const month = 30 * 24 * 3_600_000;
      let fired = 0;
      systemClock.schedule(month, () => (fired += 1));
      const cancel = systemClock.schedule(month, () => (fired += 100));
      mock.timers.tick(2 ** 31 - 1);
      assert.equal(fired, 0);
      cancel();
      mock.timers.tick(month - (2 ** 31 - 1));
      assert.equal(fired, 1);
    } finally {
      mock.timers.reset();
    }
  });
});
