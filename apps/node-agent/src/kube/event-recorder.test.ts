import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { delay } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';

import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { truncateUtf8 } from './event-manifest.ts';
import { EventRecorder } from './event-recorder.ts';

const pod = { name: 'cart', namespace: 'shop', uid: 'uid-1' };
const issued = { type: 'Normal', reason: 'Issued', message: 'issued', pod } as const;

interface Fixture {
  readonly recorder: EventRecorder;
  readonly clock: ManualClock;
  readonly requests: ApiRequest[];
  readonly dropped: () => number;
}

function setUp(
  answer: (request: ApiRequest) => Promise<unknown> = () => Promise.resolve({}),
  mounts: Promise<void> = Promise.resolve(),
): Fixture {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const requests: ApiRequest[] = [];
  let dropped = 0;
  const client = {
    request: (request: ApiRequest) => {
      requests.push(request);
      return answer(request);
    },
  };
  const recorder = new EventRecorder({
    client,
    clock,
    nodeName: 'node-a',
    mountsIdle: (maxMs, signal) => Promise.race([mounts, delay(clock, maxMs, signal).catch(() => undefined)]),
    onDropped: () => (dropped += 1),
  });
  return { recorder, clock, requests, dropped: () => dropped };
}

describe('EventRecorder', () => {
  test('writes a core event that names the pod, the node and itself', async () => {
    const { recorder, clock, requests } = setUp();
    recorder.record(issued);
    await clock.advance(0);
    const body = requests[0]?.body as Record<string, unknown>;
    assert.deepEqual(body['involvedObject'], { apiVersion: 'v1', kind: 'Pod', ...pod });
    assert.deepEqual(body['source'], { component: 'certfleet', host: 'node-a' });
    assert.equal(body['count'], 1);
    assert.equal(body['firstTimestamp'], '2026-01-01T00:00:00.000Z');
    assert.match((body['metadata'] as { name: string }).name, /^cart\.[0-9a-f-]{36}$/);
  });

  test('counts a repeated event on the same object', async () => {
    const { recorder, clock, requests } = setUp();
    recorder.record(issued);
    await clock.advance(0);
    await clock.advance(5000);
    recorder.record(issued);
    await clock.advance(0);
    assert.equal(requests[1]?.verb, 'patch');
    assert.equal(requests[1].name, (requests[0]?.body as { metadata: { name: string } }).metadata.name);
    assert.deepEqual(requests[1].body, { count: 2, lastTimestamp: '2026-01-01T00:00:05.000Z' });
  });

  test('creates the object again if the old one has expired', async () => {
    const { recorder, clock, requests } = setUp(({ verb }) =>
      verb === 'patch' ? Promise.reject(new CertfleetError('not-found', 'gone')) : Promise.resolve({}),
    );
    recorder.record(issued);
    await clock.advance(0);
    await clock.advance(100);
    recorder.record(issued);
    await clock.advance(0);
    assert.deepEqual(
      requests.map(({ verb }) => verb),
      ['create', 'patch', 'create'],
    );
  });

  test('limits one pod to 25 events at once and then one every five minutes, without affecting others', async () => {
    const { recorder, clock, requests, dropped } = setUp();
    for (let n = 0; n < 30; n += 1) recorder.record({ ...issued, message: `m${n}` });
    await clock.advance(0);
    await clock.advance(3_000);
    assert.deepEqual([requests.length, dropped()], [25, 5]);
    recorder.record({ ...issued, pod: { ...pod, uid: 'uid-2' } });
    await clock.advance(0);
    await clock.advance(300_000);
    recorder.record({ ...issued, message: 'later' });
    recorder.record({ ...issued, message: 'too soon' });
    await clock.advance(0);
    assert.deepEqual([requests.length, dropped()], [27, 6]);
  });

  test('bounds the queue while the API server does not respond', async () => {
    const { recorder, clock, dropped } = setUp(() => new Promise(() => undefined));
    for (let n = 0; n < 1100; n += 1) {
      recorder.record({ ...issued, pod: { ...pod, uid: `uid-${n}` } });
      await clock.advance(100);
    }
    assert.equal(dropped(), 1100 - 1 - 1024);
  });

  test('spreads Normal events', async () => {
    const { recorder, clock, requests } = setUp();
    for (let n = 0; n < 3; n += 1) recorder.record({ ...issued, pod: { ...pod, uid: `uid-${n}` } });
    await clock.advance(0);
    await clock.advance(99);
    assert.equal(requests.length, 1);
    await clock.advance(1);
    assert.equal(requests.length, 2);
    await clock.advance(100);
    assert.equal(requests.length, 3);
  });

  test('waits for mounts before Normal events', async () => {
    const mounts = Promise.withResolvers<void>();
    const { recorder, clock, requests } = setUp(undefined, mounts.promise);
    recorder.record(issued);
    await clock.advance(9_999);
    assert.equal(requests.length, 0);
    mounts.resolve();
    await clock.advance(0);
    assert.equal(requests.length, 1);
  });

  test('waits at most ten seconds for mounts that do not end, for all of its events together', async () => {
    const { recorder, clock, requests } = setUp(undefined, new Promise(() => undefined));
    for (let n = 0; n < 2; n += 1) recorder.record({ ...issued, pod: { ...pod, uid: `uid-${n}` } });
    await clock.advance(9_999);
    assert.equal(requests.length, 0);
    await clock.advance(1);
    assert.equal(requests.length, 1);
    await clock.advance(100);
    assert.equal(requests.length, 2);
  });

  test('writes a warning during mounts, and the queued events at the end', async () => {
    const { recorder, clock, requests } = setUp(undefined, new Promise(() => undefined));
    const reasons = (): unknown[] => requests.map(({ body }) => (body as { reason: string }).reason);
    recorder.record(issued);
    await clock.advance(1);
    recorder.record({ ...issued, type: 'Warning', reason: 'RequestDenied' });
    await clock.advance(0);
    assert.deepEqual(reasons(), ['RequestDenied']);
    await recorder.stop();
    assert.deepEqual(reasons(), ['RequestDenied', 'Issued']);
    assert.equal(clock.timers, 0);
  });

  test('pauses in proportion to the response time of the API server, within bounds', async () => {
    for (const { answerMs, pauseMs } of [
      { answerMs: 50, pauseMs: 500 },
      { answerMs: 1_000, pauseMs: 2_000 },
    ]) {
      const answers = Array.from({ length: 2 }, () => Promise.withResolvers<object>());
      const { recorder, clock, requests } = setUp(() => answers[requests.length - 1]?.promise ?? Promise.resolve({}));
      for (let n = 0; n < 2; n += 1) recorder.record({ ...issued, pod: { ...pod, uid: `uid-${n}` } });
      await clock.advance(0);
      await clock.advance(answerMs);
      answers[0]?.resolve({});
      await clock.advance(0);
      await clock.advance(pauseMs - 1);
      assert.equal(requests.length, 1);
      await clock.advance(1);
      assert.equal(requests.length, 2);
    }
  });

  test('writes warnings before Normal events, in pauses and during a write', async () => {
    const answer = Promise.withResolvers<object>();
    const { recorder, clock, requests } = setUp(() => (requests.length === 1 ? answer.promise : Promise.resolve({})));
    const reasons = (): unknown[] => requests.map(({ body }) => (body as { reason: string }).reason);
    const warn = (message: string): void =>
      recorder.record({ ...issued, type: 'Warning', reason: 'RenewalFailed', message });
    for (let n = 0; n < 3; n += 1) recorder.record({ ...issued, pod: { ...pod, uid: `uid-${n}` } });
    await clock.advance(0);
    warn('while the first is written');
    answer.resolve({});
    await clock.advance(0);
    assert.deepEqual(reasons(), ['Issued', 'RenewalFailed', 'Issued']);
    warn('in the pause');
    await clock.advance(0);
    assert.deepEqual(reasons().slice(3), ['RenewalFailed', 'Issued']);
  });

  test('never fails its caller and counts lost events', async () => {
    const { recorder, clock, dropped } = setUp(() => Promise.reject(new Error('forbidden')));
    recorder.record(issued);
    await clock.advance(0);
    assert.equal(dropped(), 1);
  });

  test('writes queued events when it stops, for at most two seconds', async () => {
    const flushed = setUp();
    for (let n = 0; n < 3; n += 1) flushed.recorder.record({ ...issued, message: `m${n}` });
    await flushed.recorder.stop();
    assert.equal(flushed.requests.length, 3);
    flushed.recorder.record(issued);
    assert.equal(flushed.dropped(), 1);

    const stuck = setUp(
      ({ signal }) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('x')))),
    );
    for (let n = 0; n < 3; n += 1) stuck.recorder.record({ ...issued, message: `m${n}` });
    await stuck.clock.advance(0);
    const stopped = stuck.recorder.stop();
    await stuck.clock.advance(2000);
    await stopped;
    assert.deepEqual([stuck.requests.length, stuck.dropped(), stuck.clock.timers], [1, 3, 0]);
  });

  test('truncates a message at a character within the API’s limit of bytes', () => {
    assert.equal(truncateUtf8('short', 1024), 'short');
    for (const text of ['x'.repeat(2000), 'ü'.repeat(1000), '😀'.repeat(500), `a${'€'.repeat(600)}`]) {
      const cut = truncateUtf8(text, 1024);
      assert.ok(Buffer.byteLength(cut) <= 1024 && Buffer.byteLength(cut) > 1016, String(Buffer.byteLength(cut)));
      assert.ok(text.startsWith(cut.slice(0, -1)) && cut.endsWith('…'));
    }
  });
});
