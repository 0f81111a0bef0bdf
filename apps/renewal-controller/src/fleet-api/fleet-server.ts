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
import { sourceAddressOf } from '../identity/request-source.ts';
import { AccessFeed } from './access-feed.ts';
import { MessageReader } from './message-reader.ts';
import { NodeQuestions } from './node-questions.ts';
import type { SendToAgent, VolumeDescription } from './node-questions.ts';
import { NodeStream } from './node-stream.ts';
import type { ReportIndex } from './node-stream.ts';
import { rpcError } from './rpc-error.ts';
import { SnapshotTurns } from './snapshot-turns.ts';
import { StreamHeartbeat } from './stream-heartbeat.ts';
import { StreamIdentity } from './stream-identity.ts';

export interface FleetServerOptions {
  /** gRPC address: `0.0.0.0:8443`, `[::]:8443` or `unix:/path`. */
  readonly address: string;
  /** Undefined disables TLS; the configuration allows this only on a Unix socket or a loopback address. */
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

/** Receives events for metrics. */
interface FleetObserver {
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
  // An agent's message is at most slightly over 128 KiB; one volume of a hostile issuer may add 100 KiB. A description
  // has up to 512 KiB of certificates. Decoding blocks the event loop, so the limit is close to these sizes.
  'grpc.max_receive_message_length': 640 * 1024,
  'grpc.max_concurrent_streams': 4,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Each connection serves one stream.
  'grpc.max_connection_idle_ms': 30_000,
  // Channelz is not used.
  'grpc.enable_channelz': 0,
};
const stopGraceMs = 2_000;
/** Streams of one node that wait for the agent's first message; beyond this number the oldest is closed. */
const maxEntering = 3;
/** Streams whose token is under review, in total. */
const maxUnknown = 1_024;
const emptyMessage: ControllerMessage = {
  welcome: undefined,
  redis: undefined,
  resync: undefined,
  describe: undefined,
  heartbeat: undefined,
};

/** Serves the fleet API: one stream per node. A newer stream replaces an older one. */
export class FleetServer {
  readonly #options: FleetServerOptions;
  readonly #server = new Server(serverLimits);
  /** The latest accepted stream of each node. */
  readonly #nodes = new Map<string, ConnectedNode>();
  /** Streams that are not accepted yet, by node. */
  readonly #entering = new Map<string, Set<NodeStream>>();
  #unknown = 0;
  readonly #questions: NodeQuestions;
  readonly #turns: SnapshotTurns;

  constructor(options: FleetServerOptions) {
    this.#options = options;
    this.#questions = new NodeQuestions(options.clock);
    this.#turns = new SnapshotTurns(options.clock);
    this.#server.addService(FleetService, { connect: (stream: Stream) => void this.#connect(stream) });
  }

  /** Number of nodes with a stream to this replica, accepted or not. */
  get connected(): number {
    return new Set([...this.#nodes.keys(), ...this.#entering.keys()]).size;
  }

  /** Whether the node's agent has an accepted stream to this replica. */
  isConnected(node: string): boolean {
    return this.#nodes.has(node);
  }

  /**
   * Asks a node's agent for the contents of a volume's certificate files.
   * @throws CertfleetError unavailable with reason NotConnected if the agent is not connected here or disconnects;
   *   deadline-exceeded; resource-exhausted
   */
  describe(node: string, volumeId: string): Promise<VolumeDescription> {
    return this.#questions.describe({ node, volumeId }, this.#nodes.get(node)?.send);
  }

  /** @returns the port, 0 for a Unix socket; rejects if the address cannot be bound */
  start(): Promise<number> {
    const { address, certificate } = this.#options;
    const credentials =
      certificate === undefined
        ? ServerCredentials.createInsecure()
        : // The library swaps the names of these parameters: the first is the server's certificate.
          experimental.createCertificateProviderServerCredentials(certificate, null, false);
    return new Promise((resolve, reject) =>
      this.#server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error))),
    );
  }

  /**
   * Call when Redis was replaced: issues new credentials to every agent and checks whether their volumes must be sent
   * again.
   */
  redisReplaced(): void {
    for (const { stream, feed } of this.#nodes.values()) {
      void feed.renew();
      stream.resync();
    }
  }

  /** Closes all streams, so that the agents connect to another replica, and stops. */
  async stop(): Promise<void> {
    const reason = new CertfleetError('unavailable', 'the controller is stopping');
    this.#questions.stop();
    for (const { stream } of this.#nodes.values()) stream.end(reason);
    for (const streams of this.#entering.values()) for (const stream of streams) stream.end(reason);
    const cancel = this.#options.clock.schedule(stopGraceMs, () => this.#server.forceShutdown());
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    cancel();
  }

  async #connect(stream: Stream): Promise<void> {
    const { log, observer } = this.#options;
    const arrival: Arrival = { stream, source: sourceAddressOf(stream.getPeer()), ended: new AbortController() };
    let node: string | undefined;
    // Registered first: an agent may disconnect during the token review.
    stream.on('cancelled', () => arrival.ended.abort(new CertfleetError('cancelled', 'the agent closed the stream')));
    try {
      const token = bearerOf(stream);
      node = await this.#identify(token, arrival);
      await this.#serve(node, token, arrival);
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      observer.streamEnded(error.code);
      const level = error.code === 'cancelled' ? 'info' : 'warn';
      const { reason } = error;
      log[level](
        { node, peer: stream.getPeer(), code: error.code, reason, error: error.message },
        'agent disconnected',
      );
      stream.emit('error', rpcError(error));
    }
  }

  async #identify(token: string, { source, ended }: Arrival): Promise<string> {
    if (this.#unknown >= maxUnknown) {
      throw new CertfleetError('resource-exhausted', 'too many agents are connecting: try again');
    }
    this.#unknown += 1;
    try {
      const node = await this.#options.identify(token, { source });
      ended.signal.throwIfAborted();
      return node;
    } finally {
      this.#unknown -= 1;
    }
  }

  async #serve(node: string, token: string, { stream, source, ended }: Arrival): Promise<never> {
    const { identify, index, access, replica, heartbeatSeconds, clock, log, observer } = this.#options;
    const send: SendToAgent = (message) => {
      if (stream.writable) stream.write({ ...emptyMessage, ...message });
    };
    const onRevoked = (reason: CertfleetError): void => nodeStream.end(reason);
    const identity = new StreamIdentity({ node, token, source, identify, clock, onRevoked });
    const grant = async (name: string): Promise<RedisAccess> => {
      await identity.confirm();
      return await access.grant(name);
    };
    const stands = (given: RedisAccess): Promise<boolean> => access.stands(node, given);
    const feed = new AccessFeed({ node, grant, stands, send: (redis) => send({ redis }), clock, log });
    const heartbeat = new StreamHeartbeat({ send, intervalMs: heartbeatSeconds * 1_000, clock });
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
      onWelcomed: () => heartbeat.start(),
      onAccepted: () => {
        log.info({ node, peer: stream.getPeer() }, 'agent connected');
        this.#accept(node, { stream: nodeStream, feed, send });
        void feed.renew();
      },
      // The event that removed the session may have removed the node's Redis user too.
      onSessionLost: () => void feed.renew(),
      observeReport: (durationMs) => observer.reportTaken(durationMs),
      onDescription: this.#questions.answersOf(node),
    });
    ended.signal.addEventListener('abort', () => nodeStream.end(ended.signal.reason as CertfleetError));
    this.#enter(node, nodeStream);
    identity.start();
    try {
      return await nodeStream.run();
    } finally {
      heartbeat.stop();
      identity.stop();
      feed.stop();
      this.#leave(node, nodeStream);
    }
  }

  /** Adds a stream that waits for acceptance; the accepted stream of the node stays active until then. */
  #enter(node: string, stream: NodeStream): void {
    const entering = this.#entering.get(node) ?? new Set();
    this.#entering.set(node, entering.add(stream));
    const [oldest] = entering;
    if (entering.size > maxEntering) {
      oldest?.end(new CertfleetError('aborted', 'too many streams of this node are waiting for acceptance'));
    }
  }

  /** The index already rejects older streams of the node; close the one on this replica. */
  #accept(node: string, connected: ConnectedNode): void {
    this.#entered(node, connected.stream);
    const older = this.#nodes.get(node);
    this.#nodes.set(node, connected);
    if (older === undefined) return;
    this.#questions.left(node);
    older.stream.end(new CertfleetError('aborted', 'superseded by a newer stream of this node'));
  }

  #leave(node: string, stream: NodeStream): void {
    this.#entered(node, stream);
    if (this.#nodes.get(node)?.stream !== stream) return;
    this.#nodes.delete(node);
    this.#questions.left(node);
  }

  #entered(node: string, stream: NodeStream): void {
    const entering = this.#entering.get(node);
    entering?.delete(stream);
    if (entering?.size === 0) this.#entering.delete(node);
  }
}

/** An incoming stream before authentication. */
interface Arrival {
  readonly stream: Stream;
  readonly source: string;
  /** Aborted when the agent closes the stream. */
  readonly ended: AbortController;
}

function bearerOf(stream: Stream): string {
  const [header] = stream.metadata.get('authorization');
  const match = /^Bearer (\S+)$/i.exec(String(header ?? ''));
  if (match?.[1] === undefined) throw new CertfleetError('unauthenticated', 'the bearer token is missing');
  return match[1];
}
