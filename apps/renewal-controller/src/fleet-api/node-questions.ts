import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ControllerMessage, Description } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { PendingAnswers } from './pending-answers.ts';

/** The contents of a volume's certificate files as the agent reports them. Untrusted: the node may be hostile. */
export type VolumeDescription = Omit<Description, 'requestId'>;

/** Writes to an agent's stream. */
export type SendToAgent = (message: Partial<ControllerMessage>) => void;

export interface VolumeOfNode {
  readonly node: string;
  readonly volumeId: string;
}

/** A healthy agent answers in milliseconds; a busy or older agent must not keep an operator waiting. */
const limits = { maxTotal: 64, maxPerParty: 8, timeoutMs: 5_000 };
/** Slightly above the limits that an agent applies. */
const maxDescription = { certificates: 1024, bytes: 640 * 1024, text: 256 };
/** Late answers are rare; a stream with more unrequested answers than this is misbehaving. */
const maxUnasked = 100;

/** Pending requests from this replica to its connected agents. */
export class NodeQuestions {
  readonly #pending: PendingAnswers<VolumeDescription>;

  constructor(clock: Clock) {
    this.#pending = new PendingAnswers(clock, limits);
  }

  /**
   * Requests the contents of a volume's certificate files. `send` is undefined if the agent is not connected here.
   * @throws CertfleetError unavailable with reason NotConnected; deadline-exceeded; resource-exhausted
   */
  async describe({ node, volumeId }: VolumeOfNode, send: SendToAgent | undefined): Promise<VolumeDescription> {
    if (send === undefined) throw notConnected(node);
    return await this.#pending.ask(node, (requestId) => send({ describe: { requestId, volumeId } }));
  }

  /** Returns a handler for the answers of one stream of a node. It throws after too many unrequested answers. */
  answersOf(node: string): (description: Description) => void {
    let unasked = 0;
    return (description) => {
      if (this.#take(node, description)) return;
      unasked += 1;
      if (unasked <= maxUnasked) return;
      throw new CertfleetError('invalid-argument', `received ${unasked} descriptions that were not requested`);
    };
  }

  /** Fails the pending requests to a node whose agent disconnected. */
  left(node: string): void {
    this.#pending.fail(node, notConnected(node));
  }

  stop(): void {
    this.#pending.stop();
  }

  #take(node: string, { requestId, ...description }: Description): boolean {
    const { chain, ca, absent } = description;
    const bytes = [...chain, ...ca].reduce((sum, { length }) => sum + length, 0);
    if (chain.length + ca.length > maxDescription.certificates || bytes > maxDescription.bytes) {
      const error = new CertfleetError('unavailable', `the agent of node ${node} sent a description that is too large`);
      return this.#pending.refuse(node, requestId, error);
    }
    return this.#pending.answer(node, requestId, { ...description, absent: absent.slice(0, maxDescription.text) });
  }
}

function notConnected(node: string): CertfleetError {
  const message = `the agent of node ${node} is not connected; it reconnects automatically, try again soon`;
  return new CertfleetError('unavailable', message, { reason: 'NotConnected' });
}
