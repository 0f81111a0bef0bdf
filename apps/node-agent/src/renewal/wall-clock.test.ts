import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { failureClock, isClockCorrected } from './wall-clock.ts';

const minuteMs = 60_000;

describe('failureClock', () => {
  test('allows an attempt at once after the first change of the clock, and later after further ones', async () => {
    const clock = new ManualClock();
    let failed = failureClock(clock, undefined);
    assert.equal(isClockCorrected(clock, failed), false);
    for (const waitMinutes of [0, 1, 4, 16, 60, 60]) {
      clock.stepWall(5 * minuteMs);
      if (waitMinutes > 0) {
        await clock.advance(waitMinutes * minuteMs - 1);
        assert.equal(isClockCorrected(clock, failed), false, `${waitMinutes} min`);
        await clock.advance(1);
      }
      assert.equal(isClockCorrected(clock, failed), true, `${waitMinutes} min`);
      failed = failureClock(clock, failed);
    }
  });

  test('ignores corrections by NTP', () => {
    const clock = new ManualClock();
    const failed = failureClock(clock, undefined);
    clock.stepWall(-minuteMs);
    assert.equal(isClockCorrected(clock, failed), false);
    assert.deepEqual(failureClock(clock, failed), { ...failed, offsetMs: failed.offsetMs - minuteMs });
  });
});
