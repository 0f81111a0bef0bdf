import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';

/** sun_path of a Unix socket holds 107 bytes and a NUL. */
const maxSocketPath = 107;
/** A listening socket on the same machine accepts connections immediately. */
const dialTimeoutMs = 5_000;

/**
 * A gRPC server on a Unix socket that only its owner may open. The socket is bound under a temporary name and then
 * renamed, so that the path always exists, and only this server's inode is removed at the end, not that of a newer
 * server (libuv would unlink the bound name, even of another server).
 */
export class SocketServer {
  /** Without Channelz, gRPC's debugging service, which the agent does not serve. */
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

  /** Listens, and replaces a socket that an earlier process left. */
  async start(): Promise<void> {
    assertSocketPath(this.#path);
    await this.#bind();
    if (this.#state === 'new') this.#state = 'started';
  }

  /**
   * Why clients cannot reach this server at its path; undefined if they can, or if it is not started or is stopped. A
   * socket that is gone or without a listener is created again first. Concurrent calls share one check: two that
   * each bind the socket would leave a path that neither recognises.
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
      // Two servers that both replaced the socket would do so without end.
      if (inode !== this.#ownInode && isAnswering) return `another process listens on ${this.#path}`;
      await this.#bind();
      return (await answers(this.#path)) ? undefined : `cannot connect to ${this.#path}`;
    } catch (thrown) {
      return `cannot listen on ${this.#path}: ${asCertfleetError(thrown).message}`;
    }
  }

  /**
   * Waits at most `graceMs` for calls in progress, then closes, and removes the socket file if it is still this
   * server's.
   */
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
    // Short, so that the limit on the length of the path itself applies; the kubelet ignores names that begin with a
    // dot.
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

/** @throws CertfleetError invalid-argument if the path is too long for clients to connect */
export function assertSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= maxSocketPath) return;
  throw new CertfleetError(
    'invalid-argument',
    `expected a socket path of at most ${maxSocketPath} bytes, found ${length}: ${path}`,
  );
}

/** Undefined if there is no file. */
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
