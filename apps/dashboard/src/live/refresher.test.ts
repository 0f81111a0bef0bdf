import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { Refresher } from './refresher.ts';

function fixture() {
  const clock = new ManualClock(1000);
  const starts: number[] = [];
  let finish: ((isDone: boolean) => void) | undefined;
  const refresher = new Refresher({
    clock,
    refresh: () => {
      starts.push(clock.monotonic() + 1000);
      return new Promise<boolean>((resolve) => (finish = resolve));
    },
    atMostEveryMs: 1000,
    atLeastEveryMs: 30_000,
  });
  return { clock, starts, refresher, finish: (isDone = true) => finish?.(isDone) };
}

describe('Refresher', () => {
  test('refreshes at once on the first request and at most once a second on further ones', async () => {
    const { clock, starts, refresher, finish } = fixture();
    refresher.request();
    finish();
    await clock.advance(100);
    for (let i = 0; i < 50; i++) refresher.request();
    await clock.advance(2000);
    finish();
    assert.deepEqual(starts, [1000, 2000]);
  });

  test('refreshes again after a running refresh, never concurrently', async () => {
    const { clock, starts, refresher, finish } = fixture();
    refresher.request();
    refresher.request();
    await clock.advance(5000);
    assert.deepEqual(starts, [1000]);
    finish();
    await clock.advance(0);
    assert.deepEqual(starts, [1000, 6000]);
  });

  test('refreshes after a while without a request', async () => {
    const { clock, starts, refresher, finish } = fixture();
    refresher.request();
    finish();
    await clock.advance(29_999);
    assert.equal(starts.length, 1);
    await clock.advance(1);
    assert.deepEqual(starts, [1000, 31_000]);
  });

  test('a failed refresh is repeated soon', async () => {
    const { clock, starts, refresher, finish } = fixture();
    refresher.request();
    finish(false);
    await clock.advance(2_999);
    assert.equal(starts.length, 1);
    await clock.advance(1);
    assert.deepEqual(starts, [1000, 4000]);
  });

  test('a step of the wall clock neither delays nor hastens a refresh', async () => {
    const { clock, starts, refresher, finish } = fixture();
    refresher.request();
    finish();
    await clock.advance(10);
    clock.stepWall(-3_600_000);
    await clock.advance(29_990);
    assert.deepEqual(starts, [1000, 31_000]);
  });

  test('leaves no timer when stopped', async () => {
    const { clock, refresher, finish } = fixture();
    refresher.request();
    finish();
    await clock.advance(10);
    refresher.stop();
    refresher.request();
    assert.equal(clock.timers, 0);
  });
});
