import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { RequestLimits } from './request-limits.ts';

const tooMany = { code: 'resource-exhausted' } as const;

test('a user has a limit of their own, wherever they are, and nobody else pays for it', async () => {
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

test('an address has a limit for strangers, which known users of it neither use up nor meet', () => {
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

test('0 is no limit', () => {
  const limits = new RequestLimits({ clock: new ManualClock(0), perMinute: 0 });
  for (let i = 0; i < 10_000; i += 1) limits.arrived('192.0.2.1');
});
