import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { itemAt } from '../../../support/random.ts';
import { launchRedis } from '../../../support/redis-server.ts';
import type { FrontOrder } from './redis-front.ts';

/** Redis' port, on any loopback address. */
export const redisPort = 6379;

const serverPorts = [7001, 7002] as const;

/** A redis-server with an append-only file that is synchronised each second. */
class Server {
  readonly port: number;
  readonly #directory: string;
  #child: ChildProcess | undefined;

  constructor(directory: string, port: number) {
    this.port = port;
    this.#directory = join(directory, `redis-${port}`);
    mkdirSync(this.#directory);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async start(): Promise<void> {
    const args = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#directory, '--save', ''];
    const files = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction'];
    const replication = ['--repl-diskless-sync-delay', '0', '--repl-timeout', '10'];
    this.#child = await launchRedis([...args, ...files, ...replication], 'Ready to accept connections');
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  async kill(): Promise<void> {
    if (!this.isAlive || this.#child === undefined) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** Deletes the data on disk. */
  wipe(): void {
    rmSync(join(this.#directory, 'appendonlydir'), { recursive: true, force: true });
  }

  async run(...command: readonly [string, ...string[]]): Promise<unknown> {
    const client = new Redis(this.port, '127.0.0.1', {
      lazyConnect: true,
      retryStrategy: () => null,
      commandTimeout: 5_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const [name, ...args] = command;
      return await client.call(name, ...args);
    } finally {
      client.disconnect();
    }
  }
}

/** A primary and its replica behind one name, with the faults of such a pair. */
export class RedisPair {
  readonly #servers: readonly [Server, Server];
  #front: ChildProcess | undefined;
  #primary = 0;
  #oldScriptErrors = false;

  constructor(directory: string) {
    this.#servers = [new Server(directory, serverPorts[0]), new Server(directory, serverPorts[1])];
  }

  async start(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.start()));
    await this.#follow();
    this.#front = fork(resolve(import.meta.dirname, 'redis-front.ts'), [`${redisPort}`]);
    await once(this.#front, 'message');
    await this.#direct();
  }

  /** Runs a command on the current primary, without the proxy. */
  async run(...command: readonly [string, ...string[]]): Promise<unknown> {
    return await this.primary.run(...command);
  }

  get primary(): Server {
    return itemAt(this.#servers, this.#primary);
  }

  get #standby(): Server {
    return itemAt(this.#servers, 1 - this.#primary);
  }

  /** Like a crash: writes of the last one or two seconds may be lost. */
  async kill(): Promise<void> {
    await this.primary.kill();
  }

  async restart({ isEmpty }: { readonly isEmpty: boolean }): Promise<void> {
    if (isEmpty) this.primary.wipe();
    await this.primary.start();
  }

  freeze(): void {
    this.primary.signal('SIGSTOP');
  }

  goOn(): void {
    for (const server of this.#servers) server.signal('SIGCONT');
  }

  /** Stops replication to the standby. */
  async cutReplication(): Promise<void> {
    await this.#standby.run('REPLICAOF', 'NO', 'ONE');
  }

  /** The standby becomes the primary for new connections; writes that it has not received are lost. */
  async promote(): Promise<void> {
    await this.#standby.run('REPLICAOF', 'NO', 'ONE');
    this.#primary = 1 - this.#primary;
    await this.#direct();
  }

  /** Makes the other server, if it runs, a replica of the primary; its connections stay but can only read. */
  async demoteOther(): Promise<void> {
    await this.#follow();
  }

  /** Starts the other server, if it was killed, as a replica of the primary. */
  async repair(): Promise<void> {
    this.goOn();
    for (const server of this.#servers) if (!server.isAlive) await server.start();
    await this.primary.run('REPLICAOF', 'NO', 'ONE');
    await this.primary.run('CONFIG', 'SET', 'maxmemory', '0');
    await this.#follow();
    await this.setScriptErrors('current');
  }

  /** From now on, writes that need memory fail. */
  async fill(): Promise<void> {
    const info = String(await this.run('INFO', 'memory'));
    const used = /used_memory:(\d+)/.exec(info)?.[1] ?? '1000000';
    await this.run('CONFIG', 'SET', 'maxmemory', used);
  }

  async unfill(): Promise<void> {
    await this.run('CONFIG', 'SET', 'maxmemory', '0');
  }

  async setScriptErrors(form: 'current' | 'old'): Promise<void> {
    this.#oldScriptErrors = form === 'old';
    await this.#direct();
  }

  async stop(): Promise<void> {
    this.goOn();
    await Promise.all(this.#servers.map((server) => server.kill()));
    this.#front?.kill('SIGKILL');
  }

  async #follow(): Promise<void> {
    if (this.#standby.isAlive) await this.#standby.run('REPLICAOF', '127.0.0.1', `${this.primary.port}`);
  }

  async #direct(): Promise<void> {
    const order: FrontOrder = { upstreamPort: this.primary.port, oldScriptErrors: this.#oldScriptErrors };
    const front = this.#front;
    if (front === undefined) return;
    const done = once(front, 'message');
    front.send(order);
    await done;
  }
}
