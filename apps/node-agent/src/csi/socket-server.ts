import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';

/** sun_path of a Unix socket holds 107 bytes and a NUL. */
const maxSocketPath = 107;
/** A listening socket of this machine is connected to at once. */
const dialTimeoutMs = 5_000;

/**
 * A gRPC server on a Unix socket that only its owner may open. The socket is bound under a name of its own and renamed:
 * a client never finds the path empty, and what is removed at the end is this server's inode alone, never that of a
 * server that took its place (libuv would unlink whatever has the name that was bound).
 */
export class SocketServer {
  /** Without Channelz, the bookkeeping of gRPC's own debugging service, which nothing here serves. */
  readonly #server = new Server({ 'grpc.enable_channelz': 0 });
  readonly #path: string;
  #ownInode: string | undefined;
  #state: 'new' | 'started' | 'stopped' = 'new';
  #checking: Promise<string | undefined> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definition, implementation);
  }

  /** Listens, in the place of a socket that an earlier process left behind. */
  async start(): Promise<void> {
    assertSocketPath(this.#path);
    await this.#bind();
    if (this.#state === 'new') this.#state = 'started';
  }

  /**
   * Why clients cannot reach this server at its path; undefined when they can, or when it is not started yet or stopped.
   * A socket that is gone, or that nobody listens on any more, is made anew first. Calls while a check is under way get its
   * result: two that each bind the socket would leave a path that neither recognizes.
   */
  check(): Promise<string | undefined> {
    if (this.#state !== 'started') return Promise.resolve(undefined);
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #check(): Promise<string | undefined> {
    try {
      const [inode, isAnswering] = [await inodeOf(this.#path), await answers(this.#path)];
      if (inode === this.#ownInode && isAnswering) return undefined;
      // Two servers that each take the path back would do so for ever.
      if (inode !== this.#ownInode && isAnswering) return `another process listens on ${this.#path}`;
      await this.#bind();
      return (await answers(this.#path)) ? undefined : `nobody can connect to ${this.#path}`;
    } catch (thrown) {
      return `cannot listen on ${this.#path}: ${asCertfleetError(thrown).message}`;
    }
  }

  /** Lets running calls end, at most `graceMs`, then closes; the socket file goes too, if it is still this server's. */
  async stop(graceMs: number): Promise<void> {
    this.#state = 'stopped';
    await this.#checking;
    const force = setTimeout(() => this.#server.forceShutdown(), graceMs);
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    clearTimeout(force);
    const isOwn = this.#ownInode !== undefined && (await inodeOf(this.#path)) === this.#ownInode;
    if (isOwn) await rm(this.#path, { force: true });
  }

  async #bind(): Promise<void> {
    const directory = dirname(this.#path);
    await mkdir(directory, { recursive: true });
    // Short, so that the path's own limit is the one that counts; the kubelet passes over names that begin with a dot.
    const temporary = join(directory, `.${randomBytes(3).toString('hex')}`);
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${temporary}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    try {
      await chmod(temporary, 0o600);
      const inode = await inodeOf(temporary);
      await rename(temporary, this.#path);
      this.#ownInode = inode;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

/** @throws CertfleetError invalid-argument when no client could connect to a socket of so long a path */
export function assertSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= maxSocketPath) return;
  throw new CertfleetError(
    'invalid-argument',
    `expected a socket path of at most ${maxSocketPath} bytes, found ${length}: ${path}`,
  );
}

/** Undefined when there is nothing. */
async function inodeOf(path: string): Promise<string | undefined> {
  const { dev, ino } = (await lstat(path, { bigint: true }).catch(() => undefined)) ?? {};
  return ino === undefined ? undefined : `${dev}:${ino}`;
}

/** Whether a client can connect, as the kubelet does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (isAnswering: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isAnswering);
    };
    const timer = setTimeout(() => end(false), dialTimeoutMs);
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
