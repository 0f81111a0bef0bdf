import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { maxAtOnce, podOf, RequestLog, tooFast } from './request-log.ts';

const lane = { ratePerSecond: 5, burst: 1 };

describe('the request log', () => {
  test('accepts starts at the lane’s rate, also with the tolerated delay between them', () => {
    const even = Array.from({ length: 20 }, (_, index) => index * 200);
    assert.deepEqual(tooFast(even, lane, 0), []);
    const shaken = even.map((at, index) => at + (index % 2) * 150);
    assert.deepEqual(tooFast(shaken, lane, 150), []);
    assert.notDeepEqual(tooFast(shaken, lane, 100), []);
  });

  test('finds starts above the rate anywhere, and allows one burst', () => {
    const slow = [0, 10_000, 20_000];
    const quick = [30_000, 30_010, 30_020, 30_030];
    assert.deepEqual(tooFast([...slow, ...quick], { ratePerSecond: 5, burst: 4 }, 0), []);
    assert.deepEqual(tooFast([...slow, ...quick], { ratePerSecond: 5, burst: 3 }, 0), ['4 starts within 30 ms']);
  });

  test('counts concurrent requests; one that was never signed stays open', () => {
    const request = (createdAtMs: number, signedAtMs?: number) => ({
      ...{ name: 'a', namespace: 'b', issuer: 'c', generation: 1 },
      createdAtMs,
      signedAtMs,
      ca: undefined,
    });
    assert.equal(maxAtOnce([request(0, 10), request(10, 20), request(20, 30)]), 1);
    assert.equal(maxAtOnce([request(0), request(10, 20), request(15, 18), request(30, 31)]), 3);
  });

  test('finds pod and generation in the name of a request, also of a replacement', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'certfleet-audit-'));
    t.after(() => rm(directory, { recursive: true }));
    const event = (name: string) => ({
      ...{ verb: 'create', requestReceivedTimestamp: '2026-11-24T00:00:00Z', stageTimestamp: '2026-11-24T00:00:00Z' },
      objectRef: { resource: 'certificaterequests', namespace: 'apps' },
      responseStatus: { code: 201 },
      responseObject: { metadata: { name }, spec: { issuerRef: { name: 'ca' } } },
    });
    const names = ['web-1-0123456789ab-7', 'web-1-0123456789ab-7-2'];
    const log = join(directory, 'audit.log');
    await writeFile(log, names.map((name) => `${JSON.stringify(event(name))}\n`).join(''));
    const found = (await new RequestLog(log).read()).map(({ name, generation }) => [podOf(name), generation]);
    assert.deepEqual(found, [
      ['web-1', 7],
      ['web-1', 7],
    ]);
  });

  test('finds a request by its later events if the API server was killed before it logged the creation', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'certfleet-audit-'));
    t.after(() => rm(directory, { recursive: true }));
    const event = (stage: string, status?: object) => ({
      ...{ verb: 'update', requestReceivedTimestamp: stage, stageTimestamp: stage, responseStatus: { code: 200 } },
      objectRef: { resource: 'certificaterequests', namespace: 'apps', subresource: 'status' },
      responseObject: {
        metadata: { name: 'web-0123456789ab-3', creationTimestamp: '2026-11-24T00:00:01Z' },
        spec: { issuerRef: { name: 'ca' } },
        status,
      },
    });
    const removal = { ...event('2026-11-24T00:00:09Z'), verb: 'delete', responseObject: { metadata: {} } };
    const events = [
      event('2026-11-24T00:00:02Z'),
      event('2026-11-24T00:00:03Z', { certificate: 'a', ca: 'b' }),
      removal,
    ];
    const log = join(directory, 'audit.log');
    await writeFile(log, events.map((each) => `${JSON.stringify(each)}\n`).join(''));
    const [found, ...others] = await new RequestLog(log).read();
    assert.deepEqual(others, []);
    assert.deepEqual(
      [found?.generation, found?.createdAtMs, found?.signedAtMs, found?.ca],
      [3, Date.UTC(2026, 10, 24, 0, 0, 1), Date.UTC(2026, 10, 24, 0, 0, 3), 'b'],
    );
  });

  test('continues where the last read ended, also in the middle of a line', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'certfleet-audit-'));
    t.after(() => rm(directory, { recursive: true }));
    const event = (name: string): string => {
      const times = { requestReceivedTimestamp: '2026-11-24T00:00:00Z', stageTimestamp: '2026-11-24T00:00:00Z' };
      const objectRef = { resource: 'certificaterequests', namespace: 'apps' };
      const responseObject = { metadata: { name }, spec: { issuerRef: { name: 'ca' } } };
      return JSON.stringify({ verb: 'create', ...times, objectRef, responseStatus: { code: 201 }, responseObject });
    };
    const log = join(directory, 'audit.log');
    const requests = new RequestLog(log);
    const names = async (): Promise<readonly string[]> => (await requests.read()).map(({ name }) => name);
    const [first, second] = [event('web-0123456789ab-1'), event('web-0123456789ab-2')];
    await writeFile(log, `${first}\n${second.slice(0, 50)}`);
    assert.deepEqual(await names(), ['web-0123456789ab-1']);
    await appendFile(log, `${second.slice(50)}\n`);
    const both = ['web-0123456789ab-1', 'web-0123456789ab-2'];
    assert.deepEqual(await Promise.all([names(), names()]), [both, both]);
  });
});
