import { readFile } from 'node:fs/promises';
import { credentials, Metadata } from '@grpc/grpc-js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { FleetClient } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { AgentMessage, ControllerMessage } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** Where the controller is, and how each side knows the other. */
export interface ControllerAccess {
  /** As gRPC names it: `dns:host:port`, or `unix:/path`, which alone is spoken to without TLS. */
  readonly address: string;
  /** PEM; undefined trusts the roots that Node trusts. */
  readonly caFile: string | undefined;
  readonly tokenFile: string;
}

/** One connection to the controller with its one stream. */
export interface ControllerConnection {
  readonly stream: ClientDuplexStream<AgentMessage, ControllerMessage>;
  close(): void;
}

/** A controller that vanished without a word is noticed within half a minute. */
const keepalive = { 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 10_000 };

/** Welcome and access messages are a few kilobytes. */
const maxMessageBytes = 256 * 1024;

/** Opens the stream. The files are read each time: the kubelet rotates the token, cert-manager the CA. */
export async function connectToController(access: ControllerAccess): Promise<ControllerConnection> {
  const ca = access.caFile === undefined ? null : await readFile(access.caFile);
  const token = (await readFile(access.tokenFile, 'utf8')).trim();
  const isLocal = access.address.startsWith('unix:');
  const client = new FleetClient(access.address, isLocal ? credentials.createInsecure() : credentials.createSsl(ca), {
    ...keepalive,
    'grpc.max_receive_message_length': maxMessageBytes,
    // Reconnecting is the link's business, with a back-off of its own and the files read again.
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    // It would ask for a TXT record of the Service's name, which the cluster's DNS hands on to the world outside.
    'grpc.service_config_disable_resolution': 1,
    // Without it clients of one process share sessions, and a session keeps the CA that it was opened with.
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return { stream: client.connect(metadata), close: () => client.close() };
}
