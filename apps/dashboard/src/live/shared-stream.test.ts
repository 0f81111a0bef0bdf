import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EventStream, StreamEvent } from './live-updates.ts';
import { SharedStream } from './shared-stream.ts';
import type { Channel, Locks, SharedEvent } from './shared-stream.ts';

/** The connection of one tab. */
class Connection implements EventStream {
  onopen: EventStream['onopen'] = null;
  onerror: EventStream['onerror'] = null;
  readyState = 0;
  readonly #listeners = new Map<StreamEvent, (event: MessageEvent<string>) => void>();

  addEventListener(type: StreamEvent, listener: (event: MessageEvent<string>) => void): void {
    this.#listeners.set(type, listener);
  }

  close(): void {
    this.readyState = 2;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.(new Event('open'));
  }

  send(type: StreamEvent, data: string): void {
    this.#listeners.get(type)?.(new MessageEvent(type, { data }));
  }
}

/** One lock and one channel, as the tabs of a browser share them. */
class Tabs {
  readonly connections: Connection[] = [];
  readonly #channels = new Set<Channel>();
  readonly #waiting: (() => void)[] = [];
  #lost: (() => void) | undefined;

  readonly #locks: Locks = {
    request: (_name, options, hold) =>
      new Promise((resolve, reject) => {
        const take = (): void => {
          this.#lost = () => reject(new Error('stolen'));
          const own = this.#lost;
          void hold().then(() => {
            resolve(undefined);
            if (this.#lost !== own) return;
            this.#lost = undefined;
            this.#waiting.shift()?.();
          });
        };
        if ('steal' in options) {
          const lost = this.#lost;
          take();
          lost?.();
        } else if (this.#lost === undefined) take();
        else {
          this.#waiting.push(take);
          options.signal.addEventListener('abort', () => {
            this.#waiting.splice(this.#waiting.indexOf(take), 1);
            reject(new Error('aborted'));
          });
        }
      }),
  };

  /** Opens a stream in a new tab, and notes what it delivers. */
  open(isReplacement = false): { readonly stream: SharedStream; readonly got: string[] } {
    const channel: Channel = {
      onmessage: null,
      postMessage: (data: SharedEvent) => {
        const others = [...this.#channels].filter((each) => each !== channel);
        queueMicrotask(() => others.forEach((each) => each.onmessage?.(new MessageEvent('message', { data }))));
      },
      close: () => this.#channels.delete(channel),
    };
    this.#channels.add(channel);
    const connect = (): EventStream => {
      const connection = new Connection();
      this.connections.push(connection);
      return connection;
    };
    const stream = new SharedStream({ locks: this.#locks, channel, connect, isReplacement });
    const got: string[] = [];
    stream.onopen = () => void got.push('open');
    stream.onerror = () => void got.push(`error ${stream.readyState}`);
    for (const type of ['change', 'reset', 'beat'] as const)
      stream.addEventListener(type, ({ data }) => void got.push(`${type} ${data}`));
    return { stream, got };
  }
}

/** What was delivered, without heartbeats. */
const changes = ({ got }: { readonly got: readonly string[] }): readonly string[] =>
  got.filter((each) => !each.startsWith('beat'));

/** Lets the promises of the locks settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('SharedStream', () => {
  test('seven tabs use one connection, and each gets every event', async () => {
    const tabs = new Tabs();
    const opened = Array.from({ length: 7 }, () => tabs.open());
    assert.equal(tabs.connections.length, 1);
    tabs.connections[0]?.open();
    tabs.connections[0]?.send('change', '1');
    await settle();
    for (const each of opened) assert.deepEqual(changes(each), ['open', 'change 1']);
    // A tab that is opened later learns at once that the connection works.
    const late = tabs.open();
    await settle();
    assert.deepEqual(late.got, ['open', 'beat {}']);
    assert.equal(tabs.connections.length, 1);
  });

  test('when the tab with the connection closes, another connects, and anything may have changed', async () => {
    const tabs = new Tabs();
    const [first, second, third] = [tabs.open(), tabs.open(), tabs.open()];
    tabs.connections[0]?.open();
    await settle();
    first.stream.close();
    await settle();
    assert.deepEqual([tabs.connections.length, tabs.connections[0]?.readyState], [2, 2]);
    tabs.connections[1]?.open();
    tabs.connections[1]?.send('change', '2');
    await settle();
    assert.deepEqual(changes(third), ['open', 'reset {}', 'change 2']);
    assert.deepEqual(changes(second), ['open', 'reset {}', 'change 2']);
    assert.deepEqual(changes(first), ['open']);
  });

  test('a tab that hears nothing takes over, and the other one follows it', async () => {
    const tabs = new Tabs();
    const frozen = tabs.open();
    const follower = tabs.open();
    tabs.connections[0]?.open();
    follower.stream.close();
    const next = tabs.open(true);
    await settle();
    assert.equal(tabs.connections[0]?.readyState, 2);
    tabs.connections[1]?.open();
    tabs.connections[1]?.send('change', '3');
    await settle();
    assert.deepEqual(next.got.at(-1), 'change 3');
    assert.deepEqual(frozen.got.at(-1), 'change 3');
    // A late event of the connection that was taken over is dropped.
    tabs.connections.at(0)?.send('change', 'late');
    await settle();
    assert.deepEqual(next.got.at(-1), 'change 3');
  });

  test('a refused connection is closed in every tab', async () => {
    const tabs = new Tabs();
    const [first, second] = [tabs.open(), tabs.open()];
    tabs.connections[0]?.close();
    tabs.connections[0]?.onerror?.(new Event('error'));
    await settle();
    assert.deepEqual([first.got, second.got], [['error 2'], ['error 2']]);
    second.stream.close();
    assert.equal(tabs.connections.length, 1);
  });
});
