// Runs `npm start` as a user would, in a temporary directory, so that leftover files are detected.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = resolve(import.meta.dirname, '../..');
const cannotMount =
  spawnSync('unshare', ['--mount', 'true']).status === 0 ? false : 'requires permission to mount (root)';
const cannotServe =
  spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0 ? false : 'requires redis-server';

class Demo {
  readonly temporary = mkdtempSync(join(tmpdir(), 'start-test-'));
  readonly child: ChildProcess;
  output = '';
  #changed = Promise.withResolvers<undefined>();

  constructor() {
    this.child = spawn(process.execPath, [join(root, 'scripts/start.ts')], {
      cwd: root,
      env: { ...process.env, TMPDIR: this.temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#add(text));
    }
    this.child.on('exit', () => this.#add(''));
  }

  /** Resolves with the match when the output contains it; rejects when the demo ends without it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      if (this.child.exitCode !== null) throw new Error(`ended without ${String(pattern)}: ${this.output}`);
      await this.#changed.promise;
    }
  }

  /** @returns the exit code */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    const ended = this.child.exitCode === null ? once(this.child, 'exit') : undefined;
    if (signal !== undefined) this.child.kill(signal);
    await ended;
    return this.child.exitCode;
  }

  /** The child process whose command line contains the text. */
  descendant(word: string): number {
    const below = (pid: number): readonly number[] => {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
      return children.flatMap((child) => [Number(child), ...below(Number(child))]);
    };
    const found = below(this.child.pid ?? 0).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        .split('\0')
        .some((part) => part.includes(word) && part.startsWith('/')),
    );
    if (found === undefined) throw new Error(`no process of ${word}`);
    return found;
  }

  /** Files left in the temporary directory, except caches of the tools. */
  leftovers(): readonly string[] {
    return readdirSync(this.temporary).filter((name) => name.startsWith('certfleet-'));
  }

  async remove(): Promise<void> {
    await this.end('SIGTERM');
    rmSync(this.temporary, { recursive: true, force: true });
  }

  #add(text: string): void {
    this.output += text;
    this.#changed.resolve(undefined);
    this.#changed = Promise.withResolvers<undefined>();
  }
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((taken) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => taken(undefined));
    server.listen({ port, host: '127.0.0.1' }, () => taken(server));
  });
}

describe('npm start', { skip: cannotMount || cannotServe, timeout: 240_000 }, () => {
  const occupied: (Server | undefined)[] = [];
  before(async () => {
    // Another program, such as a second run, uses the preferred ports.
    for (const port of [18_080, 16_379]) occupied.push(await listen(port));
  });
  after(() => {
    for (const server of occupied) server?.close();
  });

  it('uses other ports when the preferred ones are taken, and leaves no files when its terminal closes', async () => {
    const demo = new Demo();
    try {
      const [, url = ''] = await demo.says(/dashboard: (http:\S+)/);
      assert.ok(!url.endsWith(':18080'), url);
      await demo.says(/renewed .* by a job of the controller/);
      const { status } = await fetch(`${url}/api/v1/volumes`);
      assert.equal(status, 200);
      assert.equal(await demo.end('SIGHUP'), 0, demo.output);
      assert.match(demo.output, /cleaning up/);
      assert.deepEqual(demo.leftovers(), []);
    } finally {
      await demo.remove();
    }
  });

  it('stops with a message when the controller does not start', async () => {
    const demo = new Demo();
    try {
      await demo.says(/published {2}broker/);
      process.kill(demo.descendant('renewal-controller'), 'SIGKILL');
      await demo.says(/the controller has exited/);
      assert.equal(await demo.end(), 1);
      assert.deepEqual(demo.leftovers(), []);
    } finally {
      await demo.remove();
    }
  });
});
