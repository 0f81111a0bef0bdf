import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { laneHref, nodeHref, routeOf, safeReturn, volumeHref } from './route.ts';

describe('routes', () => {
  test('each address opens its view', () => {
    const views: readonly (readonly [string, ReturnType<typeof routeOf>])[] = [
      ['/', { view: 'overview' }],
      ['/wall', { view: 'wall' }],
      ['/at-risk', { view: 'at-risk' }],
      ['/volumes', { view: 'volumes' }],
      [volumeHref('node/1', 'csi a'), { view: 'volume', node: 'node/1', volumeId: 'csi a' }],
      [laneHref('abc'), { view: 'lane', id: 'abc' }],
      [nodeHref('worker-1'), { view: 'node', node: 'worker-1' }],
      ['/sign-in', { view: 'sign-in' }],
    ];
    for (const [path, route] of views) assert.deepEqual(routeOf(path), route);
  });

  test('an unknown address is not found', () => {
    for (const path of ['/moon', '/volumes/a', '/volumes/a/b/c', '/nodes/', '/lanes/a/b', '/%E0%A4%A']) {
      assert.deepEqual(routeOf(path), { view: 'unknown' }, path);
    }
  });

  test('returns only to paths of this page after sign-in', () => {
    assert.equal(safeReturn('/volumes?state=due'), '/volumes?state=due');
    for (const from of [null, '', 'https://elsewhere', '//elsewhere', '/\\elsewhere', '/sign-in?from=/']) {
      assert.equal(safeReturn(from), '/');
    }
  });
});
