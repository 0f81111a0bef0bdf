import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { ChangeFeed } from './change-feed.ts';
import type { FeedEvent, FeedReader } from './change-feed.ts';

class Reader implements FeedReader {
  readonly events: FeedEvent[] = [];
  beats = 0;
  isEnded = false;
  send = (event: FeedEvent): void => void this.events.push(event);
  beat = (): void => void (this.beats += 1);
  end = (): void => void (this.isEnded = true);
}

const volume = (id: number): { node: string; volumeId: string } => ({ node: 'node-a', volumeId: `v${id}` });

describe('ChangeFeed', () => {
  test('merges the changes of a second into one event and omits volume ids if there are many', async () => {
    const clock = new ManualClock(0);
    const feed = new ChangeFeed(clock);
    feed.reloaded('1-0');
    const reader = new Reader();
    feed.open(reader, undefined);
    feed.changed({ position: '2-0', kinds: ['volumes'], volumes: [volume(1)] });
    feed.changed({ position: '3-0', kinds: ['volumes', 'lanes'], volumes: [volume(1), volume(2)] });
    assert.equal(reader.events.length, 0);
    await clock.advance(1_000);
    assert.deepEqual(reader.events, [
      {
        type: 'change',
        id: '3-0',
        data: {
          kinds: ['volumes', 'lanes'],
          volumes: [
            ['node-a', 'v1'],
            ['node-a', 'v2'],
          ],
        },
      },
    ]);
    const volumes = Array.from({ length: 300 }, (_, i) => volume(i));
    feed.changed({ position: '4-0', kinds: ['volumes'], volumes });
    await clock.advance(1_000);
    assert.deepEqual(reader.events[1]?.data, { kinds: ['volumes'] });
  });

  test('a returning reader gets missed events, or a reset if they are no longer known', async () => {
    const clock = new ManualClock(0);
    const feed = new ChangeFeed(clock);
    feed.reloaded('1-0');
    for (const position of ['2-0', '2-1', '10-0']) {
      feed.changed({ position, kinds: ['audit'], volumes: [] });
      await clock.advance(1_000);
    }
    const missedAfter = (id: string): readonly string[] => {
      const reader = new Reader();
      feed.open(reader, id)();
      return reader.events.map((event) => `${event.type} ${event.id}`);
    };
    assert.deepEqual(missedAfter('2-0'), ['change 2-1', 'change 10-0']);
    assert.deepEqual(missedAfter('10-0'), []);
    assert.deepEqual(missedAfter('1-0'), ['change 2-0', 'change 2-1', 'change 10-0']);
    assert.deepEqual(missedAfter('0-9'), ['reset 10-0']);
    feed.reloaded('20-0');
    assert.deepEqual(missedAfter('10-0'), ['reset 20-0']);
  });

  test('limits streams per user, and at the total limit closes one for a user without any', () => {
    const feed = new ChangeFeed(new ManualClock(0));
    const open = (user: string): Reader & { user: string } => {
      feed.checkRoom(user);
      const reader = Object.assign(new Reader(), { user });
      feed.open(reader, undefined);
      return reader;
    };
    const first = open('user-0');
    for (let i = 1; i < 25; i += 1) open('user-0');
    assert.throws(() => open('user-0'), { code: 'resource-exhausted' });
    for (let user = 1; user < 8; user += 1) for (let i = 0; i < 25; i += 1) open(`user-${user}`);
    open('jane');
    assert.equal(first.isEnded, true);
    const readers = Array.from({ length: 10 }, (_, i) => open(`other-${i}`));
    assert.ok(readers.every(({ isEnded }) => !isEnded));
  });

  test('sends heartbeats, limits readers, and ends all streams on stop', async () => {
    const clock = new ManualClock(0);
    const feed = new ChangeFeed(clock);
    const reader = new Reader();
    feed.open(reader, undefined);
    await clock.advance(30_000);
    assert.equal(reader.beats, 6);
    for (let i = 1; i < 200; i += 1) {
      feed.checkRoom();
      feed.open(new Reader(), undefined);
    }
    assert.throws(() => feed.checkRoom(), { code: 'resource-exhausted' });
    feed.stop();
    assert.ok(reader.isEnded);
    assert.throws(() => feed.checkRoom(), { code: 'unavailable' });
  });
});
