import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** sun_path of a Unix socket holds 107 bytes and a NUL. */
const longestSocketPath = 107;

/** A gRPC server on a Unix socket that only its owner may open. */
export class SocketServer {
  /** Without Channelz, the bookkeeping of gRPC's own debugging service, which nothing here serves. */
  readonly #server = new Server({ 'grpc.enable_channelz': 0 });
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definition, implementation);
  }

  /** Listens, in the place of a socket that an earlier process left behind. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > longestSocketPath) {
      const found = `found ${Buffer.byteLength(this.#path)}: ${this.#path}`;
      throw new CertfleetError(
        'invalid-argument',
        `expected a socket path of at most ${longestSocketPath} bytes, ${found}`,
      );
    }
    await mkdir(dirname(this.#path), { recursive: true });
    await rm(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.#path}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    await chmod(this.#path, 0o600);
  }

  /** Lets running calls end, at most `graceMs`, then closes; the socket file goes too. */
  async stop(graceMs: number): Promise<void> {
    const force = setTimeout(() => this.#server.forceShutdown(), graceMs);
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    clearTimeout(force);
    await rm(this.#path, { force: true });
  }
}
