import { publishRequest } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { NodeService } from '../../libs/csi-client/gen/csi/v1/csi.ts';
import { BareHttp2, headerBlock } from './bare-http2.ts';

const headers = { 'content-type': 'application/grpc', te: 'trailers' };
const publishHeaders = headerBlock(NodeService.nodePublishVolume.path, headers);
const unpublishHeaders = headerBlock(NodeService.nodeUnpublishVolume.path, headers);

/** A call whose request is ready: encoded before the clock starts, as the floor's requests are. */
export type PreparedCall = () => Promise<void>;

/**
 * The kubelet's place as cheap as can be: the caller shares the cores with the agent whose time is taken, and the floor
 * has none. gRPC's client takes 1.0 ms of CPU for each mount, Node's HTTP/2 0.6, this 0.3.
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

/** A message as gRPC sends it: not compressed, its length in four octets before it. */
function lengthPrefixed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
