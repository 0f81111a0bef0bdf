import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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

  /** As in a browser: `refused` streams are closed, others reconnect. */
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
  readonly changes: Changed[] = [];
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
    this.live.onChange((changed) => this.changes.push(changed));
    this.live.start();
  }

  /** The stream that was opened last. */
  get stream(): FakeStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error('expected an open stream');
    return stream;
  }
}

describe('LiveUpdates', () => {
  test('reports the changed kinds, and any change after a reset', () => {
    const { stream, live, changes } = new Fixture();
    stream.connect();
    assert.deepEqual(live.state, { name: 'live' });
    // Data that was loaded before the stream opened may have changed since.
    assert.deepEqual(changes, ['anything']);
    stream.send('change', { kinds: ['volumes', 'lanes'] });
    stream.send('reset');
    assert.deepEqual(changes, ['anything', new Set(['volumes', 'lanes']), 'anything']);
  });

  test('a short interruption is a reconnection, a long one makes the page stale from its start', async () => {
    const { stream, live, clock, changes } = new Fixture();
    stream.connect();
    stream.fail(false);
    assert.deepEqual(live.state, { name: 'reconnecting' });
    await clock.advance(3000);
    stream.fail(false);
    await clock.advance(5000);
    assert.deepEqual(live.state, { name: 'stale', sinceMs: 5000 });
    stream.connect();
    assert.deepEqual(live.state, { name: 'live' });
    // The browser resumed from its last position: the server sends the missed events.
    assert.deepEqual(changes, ['anything']);
    assert.equal(clock.timers, 0);
  });

  test('a refused stream is reopened with a growing back-off and then reports any change', async () => {
    const fixture = new Fixture();
    const { live, clock, changes, streams } = fixture;
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
    assert.deepEqual(changes, ['anything', 'anything']);
    assert.equal(fixture.refusals, 2);
  });

  test('while stopped, it has no stream and no timer, and its start reports any change', async () => {
    const fixture = new Fixture();
    const { live, clock, changes } = fixture;
    fixture.stream.connect();
    fixture.stream.fail(true);
    live.stop();
    await clock.advance(60_000);
    assert.equal(clock.timers, 0);
    live.start();
    fixture.stream.connect();
    assert.deepEqual(changes, ['anything', 'anything']);
  });
});
