import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';

import { NodeReadiness } from './node-readiness.ts';

const taintKey = 'certfleet.io/agent-not-ready';
const startup = { key: taintKey, effect: 'NoSchedule' };
const other = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

interface FakeNode {
  resourceVersion: number;
  labels: Record<string, string>;
  taints: { key: string; effect: string }[];
}

/** A node in an API server that rejects a write of an older version; `fail` throws instead of an answer. */
function setUp(node: Partial<FakeNode>, fail: (request: ApiRequest) => void = () => undefined) {
  const stored: FakeNode = { resourceVersion: 1, labels: {}, taints: [], ...node };
  const clock = new ManualClock();
  const requests: ApiRequest[] = [];
  const request = async (asked: ApiRequest): Promise<unknown> => {
    requests.push(asked);
    fail(asked);
    await Promise.resolve();
    if (asked.verb === 'patch') {
      const body = asked.body as {
        metadata: { resourceVersion: string; labels?: Record<string, string> };
        spec?: { taints: FakeNode['taints'] };
      };
      if (body.metadata.resourceVersion !== String(stored.resourceVersion)) throw conflict;
      stored.resourceVersion += 1;
      Object.assign(stored.labels, body.metadata.labels);
      stored.taints = body.spec?.taints ?? stored.taints;
    }
    const { labels, taints, resourceVersion } = stored;
    return { metadata: { labels, resourceVersion: String(resourceVersion) }, spec: { taints } };
  };
  const label = { key: 'certfleet.io/agent', value: 'ready' };
  const options = { client: { request }, nodeName: 'n', taintKey, label, clock, log: createLogger(0) };
  return { stored, clock, requests, readiness: new NodeReadiness(options) };
}

const conflict = new CertfleetError('aborted', 'the object has been modified');

/** Lets the pending requests of the fake complete. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('NodeReadiness', () => {
  test('does nothing before the registration', async () => {
    const { requests, readiness } = setUp({ taints: [startup] });
    await settled();
    assert.deepEqual(requests, []);
    await readiness.stop();
  });

  test('removes the taint, sets the label and keeps everything else', async () => {
    const { stored, requests, readiness } = setUp({ taints: [other, startup], labels: { zone: 'a' } });
    readiness.registered();
    await settled();
    assert.deepEqual(stored.taints, [other]);
    assert.deepEqual(stored.labels, { zone: 'a', 'certfleet.io/agent': 'ready' });
    assert.deepEqual(
      requests.map(({ verb, name }) => [verb, name]),
      [
        ['get', 'n'],
        ['patch', 'n'],
      ],
    );
    await readiness.stop();
  });

  test('removes the taint with any effect', async () => {
    const { stored, readiness } = setUp({ taints: [{ key: taintKey, effect: 'NoExecute' }, startup] });
    readiness.registered();
    await settled();
    assert.deepEqual(stored.taints, []);
    await readiness.stop();
  });

  test('writes nothing if nothing is missing, and checks again at each registration', async () => {
    const { stored, requests, readiness } = setUp({ labels: { 'certfleet.io/agent': 'ready' } });
    readiness.registered();
    await settled();
    assert.deepEqual(
      requests.map(({ verb }) => verb),
      ['get'],
    );
    stored.taints = [startup];
    readiness.registered();
    await settled();
    assert.deepEqual(stored.taints, []);
    await readiness.stop();
  });

  test('does not lose a taint that another controller adds between read and write', async () => {
    let isFirst = true;
    const { stored, clock, readiness } = setUp({ taints: [startup] }, ({ verb }) => {
      if (verb !== 'patch' || !isFirst) return;
      isFirst = false;
      stored.taints = [...stored.taints, other];
      stored.resourceVersion += 1;
    });
    readiness.registered();
    await settled();
    assert.deepEqual(stored.taints, [startup, other]);
    await clock.advance(500);
    await settled();
    assert.deepEqual(stored.taints, [other]);
    await readiness.stop();
  });

  test('repeats a failed request with a growing interval until it succeeds', async () => {
    let isDown = true;
    const { stored, clock, requests, readiness } = setUp({ taints: [startup] }, () => {
      if (isDown) throw new CertfleetError('unavailable', 'no API server');
    });
    readiness.registered();
    await settled();
    for (const waitMs of [500, 1000, 2000, 4000]) {
      const before = requests.length;
      await clock.advance(waitMs - 1);
      await settled();
      assert.equal(requests.length, before);
      await clock.advance(1);
      await settled();
      assert.equal(requests.length, before + 1);
    }
    isDown = false;
    await clock.advance(60_000);
    await settled();
    assert.deepEqual(stored.taints, []);
    await readiness.stop();
  });

  test('stops while it waits, and ignores later registrations', async () => {
    const { clock, requests, readiness } = setUp({}, () => {
      throw new CertfleetError('unavailable', 'no API server');
    });
    readiness.registered();
    await settled();
    await readiness.stop();
    readiness.registered();
    await clock.advance(120_000);
    await settled();
    assert.equal(requests.length, 1);
    assert.equal(clock.timers, 0);
  });
});
