import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ControllerMessage, Description } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { PendingAnswers } from './pending-answers.ts';

/** What an agent says of a volume's files; input from a node that may be hostile. */
export type VolumeDescription = Omit<Description, 'requestId'>;

/** Writes to an agent's stream. */
export type SendToAgent = (message: Partial<ControllerMessage>) => void;

/** Which volume is asked for. */
export interface VolumeOfNode {
  readonly node: string;
  readonly volumeId: string;
}

/** An agent answers in milliseconds; one that is busy or does not know the question is not waited for by a person. */
const limits = { most: 64, maxOfOne: 8, timeoutMs: 5_000 };
/** What an agent sends at most, and a little more. */
const longest = { certificates: 1024, bytes: 640 * 1024, text: 256 };
/** Answers that come too late are few; a stream with more than these is not answering. */
const maxUnasked = 100;

/** The questions that this replica has put to the agents which are connected to it. */
export class NodeQuestions {
  readonly #pending: PendingAnswers<VolumeDescription>;

  constructor(clock: Clock) {
    this.#pending = new PendingAnswers(clock, limits);
  }

  /**
   * Asks what stands in a volume's certificate files; `send` is undefined for an agent that is not connected here.
   * @throws CertfleetError unavailable with reason NotConnected; deadline-exceeded; resource-exhausted
   */
  async describe({ node, volumeId }: VolumeOfNode, send: SendToAgent | undefined): Promise<VolumeDescription> {
    if (send === undefined) throw notConnected(node);
    return await this.#pending.ask(node, (requestId) => send({ describe: { requestId, volumeId } }));
  }

  /** Takes the answers of one stream of a node; what it gives throws when the agent answers what nobody asked, and on and on. */
  answersOf(node: string): (description: Description) => void {
    let unasked = 0;
    return (description) => {
      if (this.#take(node, description)) return;
      unasked += 1;
      if (unasked <= maxUnasked) return;
      throw new CertfleetError('invalid-argument', `expected answers to questions, found ${unasked} that nobody asked`);
    };
  }

  /** The node's agent went away. */
  left(node: string): void {
    this.#pending.fail(node, notConnected(node));
  }

  stop(): void {
    this.#pending.stop();
  }

  #take(node: string, { requestId, ...description }: Description): boolean {
    const { chain, ca, absent } = description;
    const bytes = [...chain, ...ca].reduce((sum, { length }) => sum + length, 0);
    if (chain.length + ca.length > longest.certificates || bytes > longest.bytes) {
      const error = new CertfleetError('unavailable', `the agent of node ${node} answered with more than was asked`);
      return this.#pending.refuse(node, requestId, error);
    }
    return this.#pending.answer(node, requestId, { ...description, absent: absent.slice(0, longest.text) });
  }
}

function notConnected(node: string): CertfleetError {
  const message = `the agent of node ${node} is not connected now; it comes back by itself, try again soon`;
  return new CertfleetError('unavailable', message, { reason: 'NotConnected' });
}
