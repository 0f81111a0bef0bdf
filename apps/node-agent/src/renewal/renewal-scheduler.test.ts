import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { RenewalScheduler } from './renewal-scheduler.ts';

function setUp(maxPerGroup = 2): {
  clock: ManualClock;
  scheduler: RenewalScheduler;
  started: string[];
  finish: (id: string) => void;
} {
  const clock = new ManualClock();
  const started: string[] = [];
  const gates = new Map<string, () => void>();
  const renew = (id: string): Promise<void> => {
    started.push(id);
    return new Promise((resolve) => gates.set(id, resolve));
  };
  const scheduler = new RenewalScheduler({ clock, maxPerGroup, renew });
  return { clock, scheduler, started, finish: (id) => gates.get(id)?.() };
}

describe('RenewalScheduler', () => {
  test('arms one timer for any number of volumes', async () => {
    const { clock, scheduler, started } = setUp();
    for (let n = 0; n < 500; n++) scheduler.schedule(`v${n}`, { monotonicMs: 1_000 + n }, 'ca');
    assert.equal(clock.timers, 1);
    await clock.advance(999);
    assert.deepEqual(started, []);
    await clock.advance(1);
    assert.deepEqual(started, ['v0']);
  });

  test('runs at most the allowed number at once and continues as they end', async () => {
    const { clock, scheduler, started, finish } = setUp(2);
    ['a', 'b', 'c'].forEach((id, index) => scheduler.schedule(id, { monotonicMs: 8 + index }, 'ca'));
    await clock.advance(10);
    assert.deepEqual(started, ['a', 'b']);
    assert.equal(clock.timers, 0);
    finish('b');
    await clock.advance(0);
    assert.deepEqual(started, ['a', 'b', 'c']);
  });

  test('does not renew an unscheduled volume, and renews a moved one at its new time', async () => {
    const { clock, scheduler, started } = setUp();
    scheduler.schedule('gone', { monotonicMs: 10 }, 'ca');
    scheduler.schedule('moved', { monotonicMs: 10 }, 'ca');
    scheduler.unschedule('gone');
    scheduler.schedule('moved', { monotonicMs: 20 }, 'ca');
    await clock.advance(15);
    assert.deepEqual(started, []);
    await clock.advance(5);
    assert.deepEqual(started, ['moved']);
  });

  test('stop waits for renewals in progress and starts no more', async () => {
    const { clock, scheduler, started, finish } = setUp();
    scheduler.schedule('a', { monotonicMs: 0 }, 'ca');
    scheduler.schedule('b', { monotonicMs: 50 }, 'ca');
    let stopped = false;
    const stopping = scheduler.stop().then(() => (stopped = true));
    await clock.advance(100);
    assert.equal(stopped, false);
    finish('a');
    await stopping;
    assert.deepEqual(started, ['a']);
  });

  test('does not let a group with hanging renewals block another group', async () => {
    const { clock, scheduler, started, finish } = setUp(1);
    for (const id of ['dead-1', 'dead-2']) scheduler.schedule(id, { monotonicMs: 1 }, 'dead');
    scheduler.schedule('alive-1', { monotonicMs: 2 }, 'alive');
    scheduler.schedule('alive-2', { monotonicMs: 3 }, 'alive');
    await clock.advance(3);
    assert.deepEqual(started, ['dead-1', 'alive-1']);
    finish('alive-1');
    await clock.advance(0);
    assert.deepEqual(started, ['dead-1', 'alive-1', 'alive-2']);
  });

  test('can move or remove a volume that waits for a slot', async () => {
    const { clock, scheduler, started, finish } = setUp(1);
    scheduler.schedule('first', { monotonicMs: 1 }, 'ca');
    for (const id of ['moved', 'gone', 'last']) scheduler.schedule(id, { monotonicMs: 2 }, 'ca');
    await clock.advance(2);
    scheduler.schedule('moved', { monotonicMs: 50 }, 'ca');
    scheduler.unschedule('gone');
    finish('first');
    await clock.advance(0);
    assert.deepEqual(started, ['first', 'last']);
    finish('last');
    await clock.advance(50);
    assert.deepEqual(started, ['first', 'last', 'moved']);
  });

  test('reports within a minute that the wall clock was set, once, and no small correction', async () => {
    const clock = new ManualClock();
    let sets = 0;
    const onClockSet = (): void => void (sets += 1);
    const scheduler = new RenewalScheduler({ clock, maxPerGroup: 1, renew: () => Promise.resolve(), onClockSet });
    scheduler.schedule('a', { monotonicMs: 3_600_000 }, 'ca');
    clock.stepWall(30_000);
    await clock.advance(120_000);
    assert.equal(sets, 0);
    clock.stepWall(-7_200_000);
    await clock.advance(60_000);
    assert.equal(sets, 1);
    await clock.advance(600_000);
    assert.equal(sets, 1);
  });
});
