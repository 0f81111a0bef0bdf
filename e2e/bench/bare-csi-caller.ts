import { publishRequest } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { NodeService } from '../../libs/csi-client/gen/csi/v1/csi.ts';
import { BareHttp2, headerBlock } from './bare-http2.ts';

const headers = { 'content-type': 'application/grpc', te: 'trailers' };
const publishHeaders = headerBlock(NodeService.nodePublishVolume.path, headers);
const unpublishHeaders = headerBlock(NodeService.nodeUnpublishVolume.path, headers);

/** A call with an already encoded request, so that both sides start their clocks with encoded requests. */
export type PreparedCall = () => Promise<void>;

/**
 * A minimal replacement for the kubelet: it shares the cores with the measured agent, while the floor has no caller.
 * gRPC's client costs 1.0 ms of CPU per mount, Node's HTTP/2 0.6, this client 0.3.
 */
export class BareCsiCaller {
  readonly #socketPath: string;
  #connection: BareHttp2 | undefined;

  /** Connects with the first call. */
  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  publish(volume: InlineVolume): PreparedCall {
    return this.#prepare(publishHeaders, NodeService.nodePublishVolume.requestSerialize(publishRequest(volume)));
  }

  unpublish({ volumeId, targetPath }: InlineVolume): PreparedCall {
    return this.#prepare(unpublishHeaders, NodeService.nodeUnpublishVolume.requestSerialize({ volumeId, targetPath }));
  }

  close(): void {
    this.#connection?.close();
  }

  #prepare(headerBytes: Buffer, message: Buffer): PreparedCall {
    const body = lengthPrefixed(message);
    return () => (this.#connection ??= new BareHttp2(this.#socketPath)).call(headerBytes, body);
  }
}

/** A gRPC message: not compressed, with its length in four octets. */
function lengthPrefixed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
