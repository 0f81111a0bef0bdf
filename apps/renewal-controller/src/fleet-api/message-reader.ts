import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { AgentMessage } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/**
 * Reads an agent's stream one message at a time. No message is read during processing, so HTTP/2 flow control slows an
 * agent that sends faster than Redis can accept.
 */
export class MessageReader {
  readonly #messages: AsyncIterator<AgentMessage>;
  #pending: Promise<AgentMessage | undefined> | undefined;

  constructor(stream: AsyncIterable<AgentMessage>) {
    this.#messages = stream[Symbol.asyncIterator]();
  }

  /**
   * Returns the next message, or undefined if `interruption` resolves first; the message is then kept for the next
   * call.
   * @throws CertfleetError cancelled if the agent ended the stream
   */
  async next(interruption?: Promise<undefined>): Promise<AgentMessage | undefined> {
    if (this.#pending === undefined) {
      this.#pending = this.#read();
      // After a stream was closed by the controller nothing awaits this promise.
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
