import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { RequestLimits } from './request-limits.ts';

const tooMany = { code: 'resource-exhausted' } as const;

describe('RequestLimits', () => {
  test('limits each user independently of addresses and other users', async () => {
    const clock = new ManualClock(0);
    const limits = new RequestLimits({ clock, perMinute: 20 });
    for (let i = 0; i < 20; i += 1) limits.identified(undefined, 'mallory');
    assert.throws(() => limits.identified(undefined, 'mallory'), tooMany);
    limits.identified(undefined, 'jane');
    clock.stepWall(86_400_000);
    assert.throws(() => limits.identified(undefined, 'mallory'), tooMany);
    await clock.advance(60_000);
    limits.identified(undefined, 'mallory');
  });

  test('limits unknown callers per address, independently of known users', () => {
    const limits = new RequestLimits({ clock: new ManualClock(0), perMinute: 20 });
    for (let i = 0; i < 1_000; i += 1) {
      limits.arrived('192.0.2.1');
      limits.identified('192.0.2.1', `user-${i}`);
    }
    for (let i = 0; i < 200; i += 1) limits.arrived('192.0.2.1');
    assert.throws(() => limits.arrived('192.0.2.1'), tooMany);
    limits.arrived('192.0.2.2');
    limits.identified(undefined, 'jane');
  });

  test('0 disables the limit', () => {
    const limits = new RequestLimits({ clock: new ManualClock(0), perMinute: 0 });
    for (let i = 0; i < 10_000; i += 1) limits.arrived('192.0.2.1');
  });
});
