import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { CertfleetError } from '../errors.ts';

import type { ApiRequest } from './api-client.ts';
import { pods } from './api-resource.ts';
import { listAll } from './list-all.ts';

const maxBytes = 100;

/** An API server with objects of these sizes, whose responses have a limit. Continue tokens are positions. */
class SizedObjects {
  readonly sizes: readonly number[];
  readonly requests: { readonly limit: number; readonly version: string | undefined }[] = [];

  constructor(sizes: readonly number[]) {
    this.sizes = sizes;
  }

  request = (request: ApiRequest): Promise<unknown> => Promise.try(() => this.#page(request));

  #page({ query = {} }: ApiRequest): object {
    const { limit: limitText, continue: token, resourceVersion: version } = query;
    const limit = Number(limitText);
    this.requests.push({ limit, version });
    assert.ok(token === undefined || version === undefined, 'the API server rejects both');
    const from = Number(token ?? 0);
    const until = version === '0' ? this.sizes.length : Math.min(this.sizes.length, from + limit);
    const items = this.sizes.slice(from, until);
    if (items.reduce((sum, size) => sum + size, 0) > maxBytes)
      throw new CertfleetError('resource-exhausted', 'too large', { reason: 'ResponseTooLarge', retryable: false });
    const more = until < this.sizes.length ? { continue: String(until) } : {};
    return { metadata: { resourceVersion: '7', ...more }, items };
  }
}

const list = (server: SizedObjects, query: Readonly<Record<string, string>> = {}): ReturnType<typeof listAll<number>> =>
  listAll(server, { resource: pods, query }, (raw) => raw as number);

describe('listAll', () => {
  test('lists small objects in pages of 500', async () => {
    const server = new SizedObjects(Array<number>(1_200).fill(0.1));
    const { objects, resourceVersion } = await list(server);
    assert.deepEqual([objects.length, resourceVersion], [1_200, '7']);
    assert.deepEqual(
      server.requests.map(({ limit }) => limit),
      [500, 500, 500],
    );
  });

  test('reads page by page what is too large for one response from the cache', async () => {
    const server = new SizedObjects(Array<number>(1_200).fill(0.1));
    const { objects } = await list(server, { resourceVersion: '0', fieldSelector: 'a=b' });
    assert.equal(objects.length, 1_200);
    assert.deepEqual(
      server.requests.map(({ version }) => version),
      ['0', undefined, undefined, undefined],
    );
  });

  test('makes pages smaller until they are small enough, and returns each object once', async () => {
    const sizes = Array.from({ length: 700 }, (_, index) => (index >= 400 && index < 440 ? 60 : 0.01));
    const server = new SizedObjects(sizes);
    const { objects } = await list(server, { resourceVersion: '0' });
    assert.deepEqual(objects, sizes);
    assert.ok(server.requests.some(({ limit }) => limit === 1));
  });

  test('rejects when one object is too large', async () => {
    const server = new SizedObjects([1, 101]);
    await assert.rejects(list(server), { reason: 'ResponseTooLarge' });
    assert.ok(server.requests.length <= 12);
  });
});
