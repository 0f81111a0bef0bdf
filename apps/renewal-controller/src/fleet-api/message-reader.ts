import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { AgentMessage } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/**
 * Reads an agent's stream one message after another. While a message is worked on none is read, so that HTTP/2's own
 * flow control slows an agent down that sends faster than Redis takes.
 */
export class MessageReader {
  readonly #messages: AsyncIterator<AgentMessage>;
  #pending: Promise<AgentMessage | undefined> | undefined;

  constructor(stream: AsyncIterable<AgentMessage>) {
    this.#messages = stream[Symbol.asyncIterator]();
  }

  /**
   * The next message, or undefined when `interruption` comes first: the message is then kept for the next call.
   * @throws CertfleetError cancelled when the agent ended the stream
   */
  async next(interruption?: Promise<undefined>): Promise<AgentMessage | undefined> {
    if (this.#pending === undefined) {
      this.#pending = this.#read();
      // A stream that we end ourselves has nobody left who waits for its next message.
      this.#pending.catch(() => undefined);
    }
    const message = await (interruption === undefined ? this.#pending : Promise.race([this.#pending, interruption]));
    if (message !== undefined) this.#pending = undefined;
    return message;
  }

  async #read(): Promise<AgentMessage> {
    const result = await this.#messages.next();
    if (result.done === true) throw new CertfleetError('cancelled', 'the agent ended the stream');
    return result.value;
  }
}
