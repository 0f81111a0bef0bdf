import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { LiveUpdates } from './live-updates.ts';
import type { Changed, EventStream } from './live-updates.ts';

class FakeStream implements EventStream {
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  readonly #listeners = new Map<string, (event: MessageEvent<string>) => void>();

  addEventListener(type: 'change' | 'reset', listener: (event: MessageEvent<string>) => void): void {
    this.#listeners.set(type, listener);
  }

  close(): void {
    this.readyState = 2;
  }

  connect(): void {
    this.readyState = 1;
    this.onopen?.(new Event('open'));
  }

  /** As a browser does: `refused` streams are closed, others are being taken up again. */
  fail(refused: boolean): void {
    this.readyState = refused ? 2 : 0;
    this.onerror?.(new Event('error'));
  }

  send(type: 'change' | 'reset', data: unknown = {}): void {
    this.#listeners.get(type)?.(new MessageEvent(type, { data: JSON.stringify(data) }));
  }
}

class Fixture {
  readonly clock = new ManualClock(5000);
  readonly streams: FakeStream[] = [];
  readonly told: Changed[] = [];
  refusals = 0;
  readonly live = new LiveUpdates({
    clock: this.clock,
    onRefused: () => {
      this.refusals++;
    },
    open: () => {
      const stream = new FakeStream();
      this.streams.push(stream);
      return stream;
    },
  });

  constructor() {
    this.live.onChange((changed) => this.told.push(changed));
    this.live.start();
  }

  /** The stream that was opened last. */
  get stream(): FakeStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error('expected an open stream');
    return stream;
  }
}

test('tells the kinds that changed, and anything after a reset', () => {
  const { stream, live, told } = new Fixture();
  stream.connect();
  assert.deepEqual(live.state, { name: 'live' });
  // What was asked for before the stream was open may have changed since.
  assert.deepEqual(told, ['anything']);
  stream.send('change', { kinds: ['volumes', 'lanes'] });
  stream.send('reset');
  assert.deepEqual(told, ['anything', new Set(['volumes', 'lanes']), 'anything']);
});

test('a short drop is a reconnection, a long one makes the page stale since it began', async () => {
  const { stream, live, clock, told } = new Fixture();
  stream.connect();
  stream.fail(false);
  assert.deepEqual(live.state, { name: 'reconnecting' });
  await clock.advance(3000);
  stream.fail(false);
  await clock.advance(5000);
  assert.deepEqual(live.state, { name: 'stale', sinceMs: 5000 });
  stream.connect();
  assert.deepEqual(live.state, { name: 'live' });
  // The browser resumed from where it was: the server sends what was missed.
  assert.deepEqual(told, ['anything']);
  assert.equal(clock.timers, 0);
});

test('a refused stream is opened anew, ever more rarely, and then anything may have changed', async () => {
  const fixture = new Fixture();
  const { live, clock, told, streams } = fixture;
  fixture.stream.connect();
  fixture.stream.fail(true);
  await clock.advance(1000);
  fixture.stream.fail(true);
  await clock.advance(1999);
  assert.equal(streams.length, 2);
  await clock.advance(1);
  assert.equal(streams.length, 3);
  fixture.stream.connect();
  assert.deepEqual(live.state, { name: 'live' });
  assert.deepEqual(told, ['anything', 'anything']);
  assert.equal(fixture.refusals, 2);
});

test('stopped while nobody looks, it holds no stream and no timer, and starts with anything', async () => {
  const fixture = new Fixture();
  const { live, clock, told } = fixture;
  fixture.stream.connect();
  fixture.stream.fail(true);
  live.stop();
  await clock.advance(60_000);
  assert.equal(clock.timers, 0);
  live.start();
  fixture.stream.connect();
  assert.deepEqual(told, ['anything', 'anything']);
});
