import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLogger } from '@certfleet/shared/logger.ts';
import { IntentCache } from './intent-cache.ts';
import { intentApiVersion } from './intent-kinds.ts';
import type { ObjectOf } from './intent-kinds.ts';
import { mergePatch } from './merge-patch.ts';

function policy(name: string, resourceVersion: string, uid = name): ObjectOf<'LanePolicy'> {
  const metadata = { name, uid, resourceVersion, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: intentApiVersion, kind: 'LanePolicy', metadata, spec: { issuers: ['a'] } };
}

function setUp(): { cache: IntentCache<'LanePolicy'>; versions: () => string[]; changes: string[]; log: string[] } {
  const log: string[] = [];
  const cache = new IntentCache('LanePolicy', createLogger(1, { write: (line: string) => void log.push(line) }));
  const changes: string[] = [];
  cache.onChange(({ previous, current }) =>
    changes.push(`${previous?.metadata.resourceVersion ?? '-'}>${current?.metadata.resourceVersion ?? '-'}`),
  );
  const versions = (): string[] => cache.list().map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);
  return { cache, versions, changes, log };
}

describe('IntentCache', () => {
  test('an older version never replaces a newer one, whatever its digits', () => {
    const { cache, versions, changes } = setUp();
    cache.put(policy('a', '10'));
    cache.put(policy('a', '9'));
    cache.put(policy('a', '10'));
    cache.put(policy('a', '18446744073709551615'));
    cache.put(policy('a', '11'));
    assert.deepEqual(versions(), ['a@18446744073709551615']);
    assert.deepEqual(changes, ['->10', '10>18446744073709551615']);
  });

  test('a late answer to a write does not bring a deleted object back, but its successor comes', () => {
    const { cache, versions } = setUp();
    cache.put(policy('a', '5', 'first'));
    cache.remove(policy('a', '8', 'first'));
    cache.put(policy('a', '7', 'first'));
    assert.deepEqual(versions(), []);
    cache.put(policy('a', '9', 'second'));
    // The deletion of the first arrives again.
    cache.remove(policy('a', '8', 'first'));
    assert.deepEqual(versions(), ['a@9']);
  });

  test('a list removes what is gone, but not what was written after it', () => {
    const { cache, versions, changes } = setUp();
    cache.put(policy('gone', '3'));
    cache.put(policy('kept', '4'));
    cache.put(policy('later', '12'));
    cache.replace([policy('kept', '6'), policy('new', '7')], '10');
    assert.deepEqual(versions(), ['kept@6', 'later@12', 'new@7']);
    assert.deepEqual(changes.slice(3), ['3>-', '4>6', '->7']);
  });

  test('a listener that fails does not keep others from the change', () => {
    const { cache, changes, log } = setUp();
    cache.onChange(() => {
      throw new Error('broken');
    });
    const seen: number[] = [];
    const end = cache.onChange(() => seen.push(1));
    cache.put(policy('a', '1'));
    end();
    cache.put(policy('a', '2'));
    assert.deepEqual([changes.length, seen.length], [2, 1]);
    assert.match(log.join(''), /broken/);
  });
});

describe('mergePatch', () => {
  test('follows RFC 7396, also for names that objects inherit', () => {
    const target = { a: { b: 1, c: [1, 2] }, d: 1 };
    const patch = JSON.parse('{"a":{"b":null,"c":[3]},"e":{"f":null},"__proto__":{"polluted":true}}') as unknown;
    const merged = mergePatch(target, patch) as Record<string, unknown>;
    assert.deepEqual([merged['a'], merged['d'], merged['e']], [{ c: [3] }, 1, {}]);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.deepEqual(target, { a: { b: 1, c: [1, 2] }, d: 1 });
    assert.equal(mergePatch({ a: 1 }, 'text'), 'text');
  });
});
