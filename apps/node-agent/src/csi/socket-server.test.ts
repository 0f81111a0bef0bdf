import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { SocketServer } from './socket-server.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cf-'));
  path = join(directory, 'csi.sock');
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('SocketServer', () => {
  test('keeps the socket of a newer server, and reports that it is not its own', async () => {
    const [first, second] = [new SocketServer(path), new SocketServer(path)];
    await first.start();
    await second.start();
    assert.match((await first.check()) ?? '', /another process listens/);
    await first.stop(100);
    assert.equal(existsSync(path), true);
    assert.equal(await second.check(), undefined);
    await second.stop(100);
    assert.deepEqual(readdirSync(directory), []);
  });

  test('creates a socket again that was removed, or that nobody listens on', async () => {
    const server = new SocketServer(path);
    await server.start();
    unlinkSync(path);
    assert.equal(await server.check(), undefined);
    assert.equal(existsSync(path), true);
    rmSync(path);
    writeFileSync(path, '');
    assert.equal(await server.check(), undefined);
    rmSync(directory, { recursive: true });
    assert.equal(await server.check(), undefined, 'with its directory');
    await server.stop(100);
    assert.deepEqual(readdirSync(directory), []);
  });

  test('is not checked and binds nothing during its start', async () => {
    const server = new SocketServer(path);
    assert.equal(await server.check(), undefined);
    assert.deepEqual(readdirSync(directory), []);
    // Probes at each step of the start.
    const progress = { isOver: false };
    const starting = server.start().finally(() => (progress.isOver = true));
    while (!progress.isOver) {
      assert.equal(await server.check(), undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await starting;
    assert.equal(await server.check(), undefined);
    await server.stop(100);
  });

  test('creates a lost socket again once, however many checks find it missing', async () => {
    const server = new SocketServer(path);
    await server.start();
    for (let round = 0; round < 20; round += 1) {
      unlinkSync(path);
      assert.deepEqual(await Promise.all([1, 2, 3, 4].map(() => server.check())), Array(4).fill(undefined));
      assert.equal(await server.check(), undefined);
    }
    unlinkSync(path);
    void server.check();
    await server.stop(100);
    assert.deepEqual(readdirSync(directory), []);
  });
});
