import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { podEventReader } from './pod-events.ts';

const pod = { namespace: 'shop', podUid: '0b8f8f5c-0000-4000-8000-000000000001' };

describe('podEventReader', () => {
  test('reads the events of one pod, the latest first, of the older and the newer kind', async () => {
    const requests: ApiRequest[] = [];
    const items = [
      { reason: 'First', type: 'Normal', lastTimestamp: '2026-11-26T10:01:00Z', count: 3, message: 'x'.repeat(2000) },
      { reason: 'Third', type: 'Warning', lastTimestamp: '2026-11-26T10:03:00Z' },
      {
        reason: 'Second',
        lastTimestamp: null,
        eventTime: '2026-11-26T10:00:00.000000Z',
        series: { count: 7, lastObservedTime: '2026-11-26T10:02:00.000000Z' },
      },
      ...Array.from({ length: 120 }, () => ({ metadata: { creationTimestamp: '2026-11-26T09:00:00Z' } })),
    ];
    const read = podEventReader({
      request: (request) => {
        requests.push(request);
        return Promise.resolve({ items });
      },
    });
    const { events, unavailable } = await read(pod);
    assert.equal(unavailable, undefined);
    assert.deepEqual(
      events.slice(0, 3).map((each) => [each.reason, each.count, each.at, each.message.length]),
      [
        ['Third', 1, '2026-11-26T10:03:00.000Z', 0],
        ['Second', 7, '2026-11-26T10:02:00.000Z', 0],
        ['First', 3, '2026-11-26T10:01:00.000Z', 1024],
      ],
    );
    assert.equal(events.length, 100);
    assert.deepEqual(
      requests.map(({ verb, namespace, query }) => ({ verb, namespace, query })),
      [{ verb: 'list', namespace: 'shop', query: { fieldSelector: `involvedObject.uid=${pod.podUid}`, limit: '500' } }],
    );
  });

  test('returns why there are no events: no Kubernetes, an API server that refuses, an invalid pod', async () => {
    assert.equal((await podEventReader(undefined)(pod)).unavailable, 'the controller runs without Kubernetes');
    const away = podEventReader({ request: () => Promise.reject(new Error('connect ECONNREFUSED')) });
    assert.equal((await away(pod)).unavailable, 'cannot read events from the API server: connect ECONNREFUSED');
    const read = podEventReader({ request: () => assert.fail('queried the API server') });
    for (const hostile of [
      { ...pod, namespace: '../../nodes' },
      { ...pod, namespace: '' },
      { ...pod, podUid: '' },
      { ...pod, podUid: `${pod.podUid},involvedObject.name!=x` },
    ]) {
      assert.equal((await read(hostile)).unavailable, 'the node reported no valid pod');
    }
  });
});
