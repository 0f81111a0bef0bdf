import { readFile } from 'node:fs/promises';
import { credentials, Metadata } from '@grpc/grpc-js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { FleetClient } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { AgentMessage, ControllerMessage } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** Address and credentials of the controller. */
export interface ControllerAccess {
  /** In gRPC's form: `dns:host:port`, or `unix:/path`, which is the only one without TLS. */
  readonly address: string;
  /** PEM; undefined uses Node's default roots. */
  readonly caFile: string | undefined;
  readonly tokenFile: string;
}

/** One connection to the controller with its stream. */
export interface ControllerConnection {
  readonly stream: ClientDuplexStream<AgentMessage, ControllerMessage>;
  close(): void;
}

/** Detects a controller that disappeared without closing the connection within half a minute. */
const keepalive = { 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 10_000 };

/** Welcome and access messages have a few kilobytes. */
const maxMessageBytes = 256 * 1024;

/** Opens the stream. The files are read for each connection: the kubelet rotates the token, cert-manager the CA. */
export async function connectToController(access: ControllerAccess): Promise<ControllerConnection> {
  const ca = access.caFile === undefined ? null : await readFile(access.caFile);
  const token = (await readFile(access.tokenFile, 'utf8')).trim();
  const isLocal = access.address.startsWith('unix:');
  const client = new FleetClient(access.address, isLocal ? credentials.createInsecure() : credentials.createSsl(ca), {
    ...keepalive,
    'grpc.max_receive_message_length': maxMessageBytes,
    // FleetLink reconnects with its own back-off and reads the files again.
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    // Avoids a TXT lookup of the Service's name, which the cluster's DNS would forward to upstream resolvers.
    'grpc.service_config_disable_resolution': 1,
    // Otherwise clients of one process share TLS sessions, and a session keeps the CA that it was opened with.
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return { stream: client.connect(metadata), close: () => client.close() };
}
