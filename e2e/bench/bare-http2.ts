// The part of HTTP/2 (RFC 9113) that unary gRPC calls over a local socket need; only for the benchmark's caller.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const frameTypes = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
/** END_STREAM of data and headers; ACK of settings and pings. */
const [endStream, ack, endHeaders] = [0x1, 0x1, 0x4];
const frameHeaderBytes = 9;
const firstWindow = 65_535;
const maxWindow = 2 ** 31 - 1;

interface Call {
  hasMessage: boolean;
  readonly end: (error?: Error) => void;
}

/**
 * One connection. Response headers are not read: a successful unary call has exactly one message and a failed one has
 * none.
 */
export class BareHttp2 {
  readonly #socket: Socket;
  readonly #calls = new Map<number, Call>();
  /** Calls whose request is larger than the server's current window. */
  readonly #waiting: { readonly headers: Buffer; readonly body: Buffer; readonly call: Call }[] = [];
  #nextStream = 1;
  #sendWindow = firstWindow;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socketPath: string) {
    this.#socket = connect(socketPath);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.#write(frameTypes.settings, 0, 0, Buffer.alloc(0));
    // Opens the largest window, so that the server never has to wait for an update.
    this.#write(frameTypes.windowUpdate, 0, 0, uint32(maxWindow - firstWindow));
  }

  /** Sends a request with the headers from headerBlock; resolves when the response has a message and its end. */
  call(headers: Buffer, body: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
    this.#waiting.push({ headers, body, call: { hasMessage: false, end } });
    this.#send();
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(): void {
    for (
      let [next] = this.#waiting;
      next !== undefined && next.body.length <= this.#sendWindow;
      [next] = this.#waiting
    ) {
      this.#waiting.shift();
      const stream = this.#nextStream;
      this.#nextStream += 2;
      this.#sendWindow -= next.body.length;
      this.#calls.set(stream, next.call);
      this.#socket.cork();
      this.#write(frameTypes.headers, endHeaders, stream, next.headers);
      this.#write(frameTypes.data, endStream, stream, next.body);
      this.#socket.uncork();
    }
  }

  #write(type: number, flags: number, stream: number, payload: Buffer): void {
    const header = Buffer.alloc(frameHeaderBytes);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    header[4] = flags;
    header.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      this.#take(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }

  #take(frame: Buffer): void {
    const [type, flags = 0] = [frame[3], frame[4]];
    const stream = frame.readUInt32BE(5);
    const payload = frame.subarray(frameHeaderBytes);
    if (type === frameTypes.settings && (flags & ack) === 0) this.#write(frameTypes.settings, ack, 0, Buffer.alloc(0));
    else if (type === frameTypes.ping && (flags & ack) === 0) this.#write(frameTypes.ping, ack, 0, payload);
    else if (type === frameTypes.windowUpdate && stream === 0) {
      this.#sendWindow += payload.readUInt32BE(0);
      this.#send();
    } else if (type === frameTypes.data || type === frameTypes.headers) this.#answer(stream, type, flags);
    else if (type === frameTypes.resetStream) this.#end(stream, new Error('the call was reset'));
    else if (type === frameTypes.goAway) this.#fail(new Error('the server is shutting down'));
  }

  #answer(stream: number, type: number, flags: number): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    call.hasMessage ||= type === frameTypes.data;
    if ((flags & endStream) === 0) return;
    this.#end(stream, call.hasMessage ? undefined : new Error("the call failed; see the agent's log"));
  }

  #end(stream: number, error?: Error): void {
    this.#calls.get(stream)?.end(error);
    this.#calls.delete(stream);
  }

  #fail(error: Error): void {
    for (const call of [...this.#calls.values(), ...this.#waiting.map((waiting) => waiting.call)]) call.end(error);
    this.#calls.clear();
    this.#waiting.length = 0;
  }
}

/**
 * The headers of a POST as HPACK (RFC 7541, 6.2.2) without dynamic table and Huffman code; texts of up to 126 bytes.
 */
export function headerBlock(path: string, others: Readonly<Record<string, string>>): Buffer {
  const literal = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')]);
  // Static table (RFC 7541, A): ":method: POST" is entry 3, ":scheme: http" 6; ":path" is name 4, ":authority" 1.
  return Buffer.concat([
    Buffer.of(0x83, 0x86, 0x04),
    literal(path),
    Buffer.of(0x01),
    literal('localhost'),
    ...Object.entries(others).flatMap(([name, value]) => [Buffer.of(0x00), literal(name), literal(value)]),
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
