import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { OperatedFleet } from './support/operated-fleet.ts';

describe('the delivery of the operators’ page', { concurrency: 2 }, () => {
  test('serves the page under a strict policy, hashed files as immutable, and one document for all views', async () => {
    await using fleet = await OperatedFleet.start();
    const page = join(fleet.directory, 'page');
    mkdirSync(join(page, 'assets'), { recursive: true });
    writeFileSync(join(page, 'index.html'), '<!doctype html><title>certfleet</title>');
    writeFileSync(join(page, 'assets/index-abc123.js'), 'export {};');
    writeFileSync(join(page, 'assets/index-abc123.js.gz'), 'zipped');
    await fleet.startController(`--page-directory=${page}`);
    const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${fleet.origin}${path}`, { headers });
    const view = await get('/volumes/node-a/csi-1', { accept: 'text/html' });
    assert.match(await view.text(), /<title>certfleet/);
    assert.equal(view.headers.get('cache-control'), 'no-cache');
    const policy = view.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none';script-src 'self';style-src 'self'/);
    assert.ok(!policy.includes('unsafe'));
    const script = await get('/assets/index-abc123.js', { 'accept-encoding': 'gzip' });
    assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.equal(script.headers.get('content-encoding'), 'gzip');
    await script.body?.cancel();
    assert.equal((await get('/assets/gone.js', { accept: '*/*' })).status, 404);
    assert.equal((await get('/api/v1/nothing', { accept: 'text/html' })).status, 404);
    const description = (await fleet.ask<{ paths: Record<string, object> }>('openapi.json')).body;
    for (const path of ['volumes', 'volumes/{node}/{volumeId}', 'lanes/{id}/pause', 'renewals', 'session', 'audit'])
      assert.ok(`/api/v1/${path}` in description.paths, path);
  });

  test('explains how to build the page when it is missing', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController(`--page-directory=${join(fleet.directory, 'none')}`);
    const answer = await fetch(`${fleet.origin}/`, { headers: { accept: 'text/html' } });
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /npm run build --workspace @certfleet\/dashboard/);
  });
});
