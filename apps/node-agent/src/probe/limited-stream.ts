import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export interface LimitedStreamOptions {
  /** Bytes that the peer may send; more of them end the connection. */
  readonly maxBytes: number;
  /** Called before each chunk of the peer is passed on. */
  readonly onChunk: () => void;
}

/** A connection whose peer may send only so many bytes. Reading stops while nobody takes what was read. */
export class LimitedStream extends Duplex {
  readonly #socket: Socket;
  #bytesLeft: number;

  constructor(socket: Socket, { maxBytes, onChunk }: LimitedStreamOptions) {
    super();
    this.#socket = socket;
    this.#bytesLeft = maxBytes;
    socket.on('data', (chunk: Buffer) => {
      onChunk();
      this.#bytesLeft -= chunk.length;
      if (this.#bytesLeft < 0) this.destroy(new Error(`the peer sent more than ${maxBytes} bytes`));
      else if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
