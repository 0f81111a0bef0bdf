import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { LiveUpdates } from './live-updates.ts';
import type { Changed, EventStream, StreamEvent } from './live-updates.ts';

class FakeStream implements EventStream {
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  readonly #listeners = new Map<string, (event: MessageEvent<string>) => void>();

  addEventListener(type: StreamEvent, listener: (event: MessageEvent<string>) => void): void {
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

  send(type: StreamEvent, data: unknown = {}): void {
    this.sendText(type, JSON.stringify(data));
  }

  sendText(type: StreamEvent, data: string): void {
    this.#listeners.get(type)?.(new MessageEvent(type, { data }));
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
    assert.equal(live.state, 'live');
    // Data that was loaded before the stream opened may have changed since.
    assert.deepEqual(changes, ['anything']);
    stream.send('change', { kinds: ['volumes', 'lanes'] });
    stream.send('reset');
    assert.deepEqual(changes, ['anything', new Set(['volumes', 'lanes']), 'anything']);
  });

  test('an interrupted stream resumes from its position', () => {
    const { stream, live, changes } = new Fixture();
    stream.connect();
    stream.fail(false);
    assert.equal(live.state, 'reconnecting');
    stream.connect();
    assert.equal(live.state, 'live');
    // The browser resumed from its last position: the server sends the missed events.
    assert.deepEqual(changes, ['anything']);
  });

  test('a stream on which not even heartbeats arrive is not live, and is replaced', async () => {
    const fixture = new Fixture();
    const { live, clock, changes, streams } = fixture;
    fixture.stream.connect();
    for (let i = 0; i < 4; i++) {
      await clock.advance(5000);
      fixture.stream.send('beat');
    }
    assert.equal(live.state, 'live');
    await clock.advance(11_999);
    assert.equal(live.state, 'live');
    await clock.advance(1);
    assert.equal(live.state, 'reconnecting');
    const silent = fixture.stream;
    assert.equal(silent.readyState, 2);
    await clock.advance(1000);
    assert.equal(streams.length, 2);
    // What arrives late on the replaced stream says nothing about the new one.
    silent.send('beat');
    assert.equal(live.state, 'reconnecting');
    fixture.stream.connect();
    assert.equal(live.state, 'live');
    assert.deepEqual(changes, ['anything', 'anything']);
  });

  test('a damaged event counts as any change', () => {
    const { stream, changes } = new Fixture();
    stream.connect();
    stream.sendText('change', '{"kinds":["volu');
    assert.deepEqual(changes, ['anything', 'anything']);
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
    assert.equal(live.state, 'live');
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
