import { Redis } from 'ioredis';
import type { Command } from 'ioredis';

type WriteStream = Parameters<Redis['sendCommand']>[1];

/**
 * A client that sends the commands of one turn of the event loop in one write. ioredis' auto-pipelining does the same,
 * but creates an object per turn and registers every script and command in it, which costs a sixth of a busy
 * controller's CPU.
 */
export class CorkedRedis extends Redis {
  override sendCommand(command: Command, stream?: WriteStream): unknown {
    if (this.status === 'ready' && this.stream.writableCorked === 0) corkForThisTurn(this.stream);
    return super.sendCommand(command, stream);
  }
}

function corkForThisTurn(stream: Redis['stream']): void {
  stream.cork();
  setImmediate(() => stream.uncork());
}
