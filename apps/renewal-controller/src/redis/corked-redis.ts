import { Redis } from 'ioredis';
import type { Command } from 'ioredis';

type WriteStream = Parameters<Redis['sendCommand']>[1];

/**
 * A client that sends what one turn of the event loop asks for in one write. ioredis' own auto-pipelining does that too,
 * with an object for each turn that is given every script and command anew: a sixth of a busy controller's CPU.
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
