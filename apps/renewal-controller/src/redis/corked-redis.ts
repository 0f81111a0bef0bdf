import { Redis } from 'ioredis';
import type { Command } from 'ioredis';

type WriteStream = Parameters<Redis['sendCommand']>[1];

/**
 * A client that sends what one turn of the event loop asks for in one write. ioredis' own auto-pipelining does that too,
 * with an object for each turn that is given every script and command anew: a sixth of a busy controller's CPU.
 */
export class CorkedRedis extends Redis {
  #isCorked = false;

  override sendCommand(command: Command, stream?: WriteStream): unknown {
    if (!this.#isCorked && this.status === 'ready') this.#cork();
    return super.sendCommand(command, stream);
  }

  #cork(): void {
    const { stream } = this;
    this.#isCorked = true;
    stream.cork();
    setImmediate(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }
}
