import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerDuplexStream, ServiceError } from '@grpc/grpc-js';
import { FleetService } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { AgentMessage, ControllerMessage } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { ControllerAccess } from '../controller-client.ts';

type Stream = ServerDuplexStream<AgentMessage, ControllerMessage>;

const emptyMessage: ControllerMessage = {
  welcome: undefined,
  redis: undefined,
  resync: undefined,
  describe: undefined,
  heartbeat: undefined,
};

/** One agent's stream from the controller's side. */
export class ScriptedStream {
  readonly authorization: string;
  readonly #stream: Stream;
  readonly #messages: AsyncIterator<AgentMessage>;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.authorization = String(stream.metadata.get('authorization')[0]);
    stream.on('error', () => undefined);
    this.#messages = (stream as AsyncIterable<AgentMessage>)[Symbol.asyncIterator]();
  }

  async next(): Promise<AgentMessage> {
    const result = await this.#messages.next();
    if (result.done === true) throw new Error('expected a message of the agent, but its stream ended');
    return result.value;
  }

  /** Receives the next snapshot and returns its ids. */
  async snapshot(): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const { snapshot } = await this.next();
      if (snapshot === undefined) throw new Error('expected a snapshot of the agent, found another message');
      ids.push(...snapshot.volumes.map(({ volumeId }) => volumeId));
      if (snapshot.last) return ids;
    }
  }

  send(message: Partial<ControllerMessage>): void {
    this.#stream.write({ ...emptyMessage, ...message });
  }

  /** Welcomes the agent and requests its snapshot. */
  welcome(heartbeatSeconds = 60, sendsHeartbeats = false): void {
    this.send({ welcome: { nodeName: 'node', heartbeatSeconds, redis: undefined, sendsHeartbeats } });
    this.send({ resync: {} });
  }

  fail(error: Partial<ServiceError>): void {
    this.#stream.emit('error', error as ServiceError);
  }
}

/** A controller that a test scripts, on a Unix socket, and the access for its agent. */
export class ScriptedController implements AsyncDisposable {
  readonly access: ControllerAccess;
  readonly #directory = mkdtempSync(join(tmpdir(), 'fleet-'));
  #server: Server | undefined;
  readonly #streams: ScriptedStream[] = [];
  #arrived = Promise.withResolvers<void>();

  constructor() {
    const tokenFile = join(this.#directory, 'token');
    writeFileSync(tokenFile, 'first-token\n');
    this.access = { address: `unix:${join(this.#directory, 'fleet.sock')}`, caFile: undefined, tokenFile };
  }

  async start(): Promise<void> {
    const server = new Server();
    server.addService(FleetService, {
      connect: (stream: Stream) => {
        this.#streams.push(new ScriptedStream(stream));
        this.#arrived.resolve();
      },
    });
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(this.access.address, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
    this.#server = server;
  }

  /** The next stream that an agent opens. */
  async accept(): Promise<ScriptedStream> {
    for (;;) {
      const stream = this.#streams.shift();
      if (stream !== undefined) return stream;
      await this.#arrived.promise;
      this.#arrived = Promise.withResolvers();
    }
  }

  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
    return Promise.resolve();
  }
}
