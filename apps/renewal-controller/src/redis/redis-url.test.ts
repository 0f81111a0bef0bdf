import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseRedisUrl } from './redis-url.ts';

describe('parseRedisUrl', () => {
  test('parses one server, with and without credentials, database and TLS', () => {
    assert.deepEqual(parseRedisUrl('redis://cache'), {
      endpoint: { kind: 'single', servers: [{ host: 'cache', port: 6379 }], db: 0 },
      tls: false,
    });
    assert.deepEqual(parseRedisUrl('rediss://certfleet:p%40ss:word@[fd00::1]:7000/3'), {
      endpoint: { kind: 'single', servers: [{ host: 'fd00::1', port: 7000 }], db: 3 },
      tls: true,
      username: 'certfleet',
      password: 'p@ss:word',
    });
  });

  test('parses Sentinels with the name of their master, and a Cluster', () => {
    assert.deepEqual(parseRedisUrl('redis+sentinel://:secret@s1,s2:26380/mymaster/2'), {
      endpoint: {
        kind: 'sentinel',
        servers: [
          { host: 's1', port: 26379 },
          { host: 's2', port: 26380 },
        ],
        masterName: 'mymaster',
        db: 2,
      },
      tls: false,
      password: 'secret',
    });
    assert.equal(parseRedisUrl('rediss+cluster://a,b').endpoint.kind, 'cluster');
  });

  test('rejects unsupported URLs without repeating them in the error', () => {
    const bad = [
      '',
      'http://x',
      'redis://',
      'redis://a,b',
      'redis://a/x',
      'redis://a:99999',
      'redis+sentinel://a',
      'redis+cluster://a/1',
    ];
    for (const url of [...bad, 'redis://u:hunter2@a,b'])
      assert.throws(
        () => parseRedisUrl(url),
        (error: Error & { code?: string }) => error.code === 'invalid-argument' && !error.message.includes('hunter2'),
      );
  });
});
