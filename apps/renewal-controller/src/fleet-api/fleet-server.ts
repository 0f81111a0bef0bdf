import { experimental, Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { FleetService } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { AgentMessage, ControllerMessage, RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { IdentifyAgent } from '../identity/agent-identity.ts';
import type { NodeAccess } from '../identity/node-access.ts';
import type { ServingCertificate } from '../identity/serving-certificate.ts';
import { AccessFeed } from './access-feed.ts';
import { MessageReader } from './message-reader.ts';
import { NodeQuestions } from './node-questions.ts';
import type { SendToAgent, VolumeDescription } from './node-questions.ts';
import { NodeStream } from './node-stream.ts';
import type { ReportIndex } from './node-stream.ts';
import { rpcError } from './rpc-error.ts';
import { SnapshotTurns } from './snapshot-turns.ts';

/** What the server works with. */
export interface FleetServerOptions {
  /** As gRPC names it: `0.0.0.0:8443`, `[::]:8443` or `unix:/path`. */
  readonly address: string;
  /** Undefined speaks without TLS, which the configuration allows on a Unix socket or a loopback address alone. */
  readonly certificate: ServingCertificate | undefined;
  readonly identify: IdentifyAgent;
  readonly index: ReportIndex;
  readonly access: NodeAccess;
  readonly replica: string;
  readonly heartbeatSeconds: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: FleetObserver;
}

/** Who counts what happens. */
export interface FleetObserver {
  streamEnded(code: string): void;
  reportTaken(durationMs: number): void;
}

type Stream = ServerDuplexStream<AgentMessage, ControllerMessage>;

interface ConnectedNode {
  readonly stream: NodeStream;
  readonly feed: AccessFeed;
  readonly send: SendToAgent;
}

const serverLimits = {
  // An agent's message is at most a little over 128 KiB; one volume of a hostile issuer may add 100.
  // A description holds up to 512 KiB of certificates. Decoding holds the event loop, so there is little more room.
  'grpc.max_receive_message_length': 640 * 1024,
  'grpc.max_concurrent_streams': 4,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // The bookkeeping of gRPC's own debugging service, which nothing here serves.
  'grpc.enable_channelz': 0,
};
const stopGraceMs = 2_000;
const emptyMessage: ControllerMessage = {
  welcome: undefined,
  redis: undefined,
  resync: undefined,
  describe: undefined,
};

/** Serves the fleet API: one stream per node, the newest replaces an older one. */
export class FleetServer {
  readonly #options: FleetServerOptions;
  readonly #server = new Server(serverLimits);
  readonly #nodes = new Map<string, ConnectedNode>();
  readonly #questions: NodeQuestions;
  readonly #turns: SnapshotTurns;

  constructor(options: FleetServerOptions) {
    this.#options = options;
    this.#questions = new NodeQuestions(options.clock);
    this.#turns = new SnapshotTurns(options.clock);
    this.#server.addService(FleetService, { connect: (stream: Stream) => void this.#connect(stream) });
  }

  /** How many agents are connected to this replica. */
  get connected(): number {
    return this.#nodes.size;
  }

  /** Whether the node's agent is connected to this replica. */
  isConnected(node: string): boolean {
    return this.#nodes.has(node);
  }

  /**
   * Asks a node's agent what stands in a volume's certificate files.
   * @throws CertfleetError unavailable with reason NotConnected when the agent is not here, or went away meanwhile;
   *   deadline-exceeded; resource-exhausted
   */
  describe(node: string, volumeId: string): Promise<VolumeDescription> {
    return this.#questions.describe({ node, volumeId }, this.#nodes.get(node)?.send);
  }

  /** @returns the port, 0 for a Unix socket; rejects when the address cannot be had */
  start(): Promise<number> {
    const { address, certificate } = this.#options;
    const credentials =
      certificate === undefined
        ? ServerCredentials.createInsecure()
        : // The library names this function's parameters the other way round: the first is the server's own certificate.
          experimental.createCertificateProviderServerCredentials(certificate, null, false);
    return new Promise((resolve, reject) =>
      this.#server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error))),
    );
  }

  /** Redis is another one than before: every agent is given access anew, and asked for its volumes if they are lost. */
  redisReplaced(): void {
    for (const { stream, feed } of this.#nodes.values()) {
      void feed.renew();
      stream.resync();
    }
  }

  /** Tells every agent to go to another replica and closes. */
  async stop(): Promise<void> {
    const reason = new CertfleetError('unavailable', 'the controller is stopping');
    this.#questions.stop();
    for (const { stream } of this.#nodes.values()) stream.end(reason);
    const cancel = this.#options.clock.schedule(stopGraceMs, () => this.#server.forceShutdown());
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    cancel();
  }

  async #connect(stream: Stream): Promise<void> {
    const { identify, log, observer } = this.#options;
    let node: string | undefined;
    try {
      node = await identify(bearerOf(stream));
      await this.#serve(node, stream);
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      observer.streamEnded(error.code);
      const level = error.code === 'cancelled' ? 'info' : 'warn';
      log[level]({ node, peer: stream.getPeer(), code: error.code, error: error.message }, 'agent disconnected');
      stream.emit('error', rpcError(error));
    }
  }

  async #serve(node: string, stream: Stream): Promise<never> {
    const { index, access, replica, heartbeatSeconds, clock, log, observer } = this.#options;
    const send: SendToAgent = (message) => {
      if (stream.writable) stream.write({ ...emptyMessage, ...message });
    };
    const grant = (name: string): ReturnType<NodeAccess['grant']> => access.grant(name);
    const stands = (given: RedisAccess): Promise<boolean> => access.stands(node, given);
    const feed = new AccessFeed({ node, grant, stands, send: (redis) => send({ redis }), clock, log });
    const nodeStream = new NodeStream({
      node,
      reader: new MessageReader(stream),
      send,
      index,
      turns: this.#turns,
      replica,
      heartbeatSeconds,
      clock,
      log,
      onWelcome: () => {
        log.info({ node, peer: stream.getPeer() }, 'agent connected');
        void feed.renew();
      },
      // Whatever took the session may have taken the node's user too.
      onSessionLost: () => void feed.renew(),
      observeReport: (durationMs) => observer.reportTaken(durationMs),
      onDescription: this.#questions.answersOf(node),
    });
    stream.on('cancelled', () => nodeStream.end(new CertfleetError('cancelled', 'the agent went away')));
    const older = this.#nodes.get(node);
    const connected = { stream: nodeStream, feed, send };
    this.#nodes.set(node, connected);
    if (older !== undefined) {
      this.#questions.left(node);
      older.stream.end(new CertfleetError('aborted', 'a newer stream of this node took over'));
    }
    try {
      return await nodeStream.run();
    } finally {
      feed.stop();
      if (this.#nodes.get(node) === connected) {
        this.#nodes.delete(node);
        this.#questions.left(node);
      }
    }
  }
}

function bearerOf(stream: Stream): string {
  const [header] = stream.metadata.get('authorization');
  const match = /^Bearer (\S+)$/i.exec(String(header ?? ''));
  if (match?.[1] === undefined) throw new CertfleetError('unauthenticated', 'expected a bearer token, found none');
  return match[1];
}
