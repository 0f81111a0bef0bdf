import { connect } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { publishRequest } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { NodeService } from '../../libs/csi-client/gen/csi/v1/csi.ts';

interface Method<Request> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
}

/**
 * The kubelet's place as cheap as can be: the caller shares the cores with the agent whose time is taken, and the floor has
 * none. Unary gRPC over HTTP/2 without anything that only some callers need.
 */
export class BareCsiCaller {
  readonly #socketPath: string;
  #session: ClientHttp2Session | undefined;

  /** Connects with the first call. */
  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  publish(volume: InlineVolume): Promise<void> {
    return this.#call(NodeService.nodePublishVolume, publishRequest(volume));
  }

  unpublish({ volumeId, targetPath }: InlineVolume): Promise<void> {
    return this.#call(NodeService.nodeUnpublishVolume, { volumeId, targetPath });
  }

  close(): void {
    this.#session?.destroy();
  }

  /** @throws with the status of a call that failed */
  #call<Request>({ path, requestSerialize }: Method<Request>, request: Request): Promise<void> {
    this.#session ??= connect('http://localhost', { createConnection: () => connectSocket(this.#socketPath) });
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(lengthPrefixed(requestSerialize(request)));
    return new Promise((resolve, reject) => {
      let [status, message]: readonly (string | undefined)[] = [];
      const read = (headers: IncomingHttpHeaders): void => {
        status = headers['grpc-status']?.toString() ?? status;
        message = headers['grpc-message']?.toString();
      };
      // A failed call may have its trailers in the place of headers.
      stream.on('response', read).on('trailers', read).on('error', reject).resume();
      stream.on('close', () => {
        if (status === '0') resolve();
        else reject(new Error(`expected ${path} to be well, found status ${status ?? 'none'}: ${message ?? ''}`));
      });
    });
  }
}

/** A message as gRPC sends it: not compressed, its length in four octets before it. */
function lengthPrefixed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
