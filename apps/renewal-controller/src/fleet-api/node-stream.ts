import { randomUUID } from 'node:crypto';
import { delay } from '@certfleet/shared/clock.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type {
  AgentMessage,
  ControllerMessage,
  Description,
  VolumeReport,
} from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetIndex } from '../fleet-index/fleet-index.ts';
import type { NodeSession } from '../fleet-index/node-session.ts';
import type { MessageReader } from './message-reader.ts';
import type { SnapshotTurns } from './snapshot-turns.ts';

/** Where reports go. */
export type ReportIndex = Pick<FleetIndex, 'openSession' | 'nodeSeen' | 'applySnapshot' | 'applyDelta'> &
  Partial<Pick<FleetIndex, 'currentSession' | 'applyDeferrals'>>;

/** What a stream works with. */
export interface NodeStreamOptions {
  /** As the token says. */
  readonly node: string;
  readonly reader: MessageReader;
  readonly send: (message: Partial<ControllerMessage>) => void;
  readonly index: ReportIndex;
  readonly turns: SnapshotTurns;
  /** This replica's name. */
  readonly replica: string;
  readonly heartbeatSeconds: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The agent answered on this stream and has the node's session: older streams may end, its access comes next. */
  readonly onAccepted: () => void;
  /** The index had lost the node's session; there is a new one. */
  readonly onSessionLost?: () => void;
  /** A report was taken in, so many milliseconds after it was read. */
  readonly observeReport: (durationMs: number) => void;
  /** The agent answered a question; throws what ends its stream. */
  readonly onDescription: (description: Description) => void;
}

/** More than a kubelet runs many times over; a node that reports more is out of its mind. */
const maxVolumes = 10_000;
/** Between two looks at a Redis that is away. */
const redisRetryMs = 1_000;
/** A Redis that hangs must not keep an agent from being welcomed, which gives up after 15 s. */
const lookTimeoutMs = 2_000;
/** An agent is silent when it misses this many heartbeats. */
const missedHeartbeats = 3;

/**
 * The controller's end of one agent's stream: takes its reports into the index, in their order, and asks for the whole
 * again whenever one could not be taken in.
 */
export class NodeStream {
  readonly #options: NodeStreamOptions;
  readonly #ending = new AbortController();
  /** How many volumes the node has. */
  #volumes = 0;
  #interrupt: () => void = () => undefined;
  #isResyncDue = false;
  /** A snapshot could not be taken in; what is still on its way of it is passed over. */
  #isSkipping = false;
  #endTurn: () => void = () => undefined;
  #cancelSilence: CancelTimer | undefined;
  #agentVersion = '';
  /** Read, and to be worked on next. */
  #pending: AgentMessage | undefined;

  constructor(options: NodeStreamOptions) {
    this.#options = options;
  }

  /** The index may have been lost: checks, and asks the agent for all of its volumes if so. */
  resync(): void {
    this.#isResyncDue = true;
    this.#interrupt();
  }

  /** Ends the stream; `run` rejects with the reason. */
  end(reason: CertfleetError): void {
    this.#ending.abort(reason);
    this.#interrupt();
  }

  /** Works until the stream ends, and then always rejects with why. */
  async run(): Promise<never> {
    const { send, node, heartbeatSeconds, onAccepted } = this.#options;
    try {
      const hello = (await this.#next())?.hello;
      if (hello === undefined) throw new CertfleetError('invalid-argument', 'expected hello as the first message');
      this.#agentVersion = hello.agentVersion.slice(0, 64);
      const before = await this.#look(lookTimeoutMs);
      send({ welcome: { nodeName: node, heartbeatSeconds, redis: undefined } });
      let session = await this.#enter(before);
      onAccepted();
      for (;;) {
        try {
          await this.#work(session);
        } catch (thrown) {
          session = await this.#recover(session, asCertfleetError(thrown));
        }
      }
    } finally {
      this.#endTurn();
      this.#cancelSilence?.();
    }
  }

  #askForSnapshot(): void {
    this.#endTurn();
    this.#endTurn = this.#options.turns.take(() => this.#options.send({ resync: {} }));
  }

  /** One message, or one look at whether the index still knows the node. */
  async #work(session: NodeSession): Promise<void> {
    const { index, clock, observeReport, onDescription } = this.#options;
    if (this.#isResyncDue) throw new CertfleetError('aborted', 'the index may have been lost');
    const message = await this.#next();
    if (message === undefined) return;
    if (message.description !== undefined) {
      onDescription(message.description);
      return;
    }
    const startedMs = clock.now();
    if (message.snapshot !== undefined) {
      if (this.#isSkipping) {
        this.#isSkipping = !message.snapshot.last;
        return;
      }
      this.#volumes = 0;
      await index.applySnapshot(session, this.#parts(message));
      this.#endTurn();
    } else if (message.delta !== undefined) {
      const { upserted, removedVolumeIds, deferrals } = message.delta;
      this.#count(await index.applyDelta(session, upserted, removedVolumeIds));
      await index.applyDeferrals?.(session, deferrals);
    } else {
      const status = await index.nodeSeen(session);
      if (status !== 'current') throw new CertfleetError('aborted', `the session is ${status}`);
      return;
    }
    observeReport(clock.now() - startedMs);
  }

  /** The parts of a snapshot; when the stream breaks off in the middle this throws, and nothing is taken for gone. */
  async *#parts(first: AgentMessage): AsyncGenerator<readonly VolumeReport[]> {
    let message: AgentMessage | undefined = first;
    for (;;) {
      const snapshot: AgentMessage['snapshot'] = message?.snapshot;
      // An interruption only wakes the loop; what it was for is seen to when the snapshot is in.
      if (message !== undefined && snapshot === undefined) {
        throw new CertfleetError('invalid-argument', 'expected the rest of the snapshot, found another message');
      }
      if (snapshot !== undefined) {
        this.#isSkipping = !snapshot.last;
        this.#count(snapshot.volumes.length);
        yield snapshot.volumes;
        if (snapshot.last) return;
      }
      message = await this.#next();
    }
  }

  /** Waits for Redis, then goes on under the same session or a new one, with the agent's volumes sent once more. */
  async #recover(session: NodeSession, error: CertfleetError): Promise<NodeSession> {
    const { index, node, log } = this.#options;
    this.#ending.signal.throwIfAborted();
    if (fatalCodes.has(error.code)) throw error;
    const hasFailed = !this.#isResyncDue;
    if (hasFailed) log.warn({ node, error: error.message }, 'report not taken in, asking for all again');
    this.#isResyncDue = false;
    for (;;) {
      try {
        const status = await index.nodeSeen(session);
        if (status === 'superseded') {
          throw new CertfleetError('aborted', 'a newer stream of this node took over', { reason: 'Superseded' });
        }
        if (status === 'current') {
          // A command that timed out may still reach Redis: a new session keeps it from undoing what is written later.
          const present = hasFailed ? await this.#openSession(session.id) : session;
          this.#askForSnapshot();
          return present;
        }
        const next = await this.#openSession('');
        this.#options.onSessionLost?.();
        this.#askForSnapshot();
        return next;
      } catch (thrown) {
        if (asCertfleetError(thrown).reason === 'Superseded') throw thrown;
        await this.#redisPause();
      }
    }
  }

  /**
   * Opens the session once the agent has answered on this very stream to something that was sent after the node's
   * session was looked at. A stream that its agent gave up is never answered on, and one whose answer is older than a
   * newer stream's session finds another session than it saw: neither displaces the newer one, and no clock is asked.
   */
  async #enter(before: string | undefined): Promise<NodeSession> {
    if (before !== undefined) {
      // The agent says nothing after hello until it has read the welcome.
      this.#askForSnapshot();
      this.#pending = await this.#nextMessage(() => true);
      return await this.#openSession(before);
    }
    // Redis was away: heartbeats may have been sent before the look, a part of the snapshot was asked for after it.
    const seen = await this.#look();
    this.#askForSnapshot();
    this.#pending = await this.#nextMessage(({ snapshot }) => snapshot !== undefined);
    return await this.#openSession(seen);
  }

  async #nextMessage(isWanted: (message: AgentMessage) => boolean): Promise<AgentMessage> {
    for (;;) {
      const message = await this.#next();
      if (message !== undefined && isWanted(message)) return message;
    }
  }

  /** The node's session as it is now. With a limit undefined when Redis does not say within it. */
  async #look(): Promise<string>;
  async #look(limitMs: number): Promise<string | undefined>;
  async #look(limitMs?: number): Promise<string | undefined> {
    const { index, node, clock } = this.#options;
    if (index.currentSession === undefined) return '';
    for (;;) {
      const looking = index.currentSession(node).catch(() => undefined);
      const tooLate = Promise.withResolvers<undefined>();
      const cancel = clock.schedule(limitMs ?? lookTimeoutMs, () => tooLate.resolve(undefined));
      const session = await Promise.race([looking, tooLate.promise]);
      cancel();
      if (session !== undefined || limitMs !== undefined) return session;
      await this.#redisPause();
    }
  }

  /** @throws CertfleetError aborted, reason Superseded, when the node's session is not the expected one any more */
  async #openSession(expected: string): Promise<NodeSession> {
    const { index, node, replica } = this.#options;
    const entry = { id: randomUUID(), expected };
    for (;;) {
      try {
        return await index.openSession(node, { agentVersion: this.#agentVersion, connectedTo: replica }, entry);
      } catch (thrown) {
        if (asCertfleetError(thrown).reason === 'Superseded') throw thrown;
        // Redis is away; that is told once, by its connection.
        await this.#redisPause();
      }
    }
  }

  async #redisPause(): Promise<void> {
    await delay(this.#options.clock, redisRetryMs, this.#ending.signal);
  }

  async #next(): Promise<AgentMessage | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#interrupt = () => resolve(undefined);
    this.#ending.signal.throwIfAborted();
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) return pending;
    this.#expectMessage();
    const message = await this.#options.reader.next(promise);
    // While this one is worked on the agent is not read, and must not be taken for silent.
    this.#cancelSilence?.();
    this.#ending.signal.throwIfAborted();
    return message;
  }

  #expectMessage(): void {
    const { clock, heartbeatSeconds } = this.#options;
    const limitMs = missedHeartbeats * heartbeatSeconds * 1000;
    this.#cancelSilence?.();
    this.#cancelSilence = clock.schedule(limitMs, () =>
      this.end(new CertfleetError('deadline-exceeded', `expected a message within ${limitMs} ms, found silence`)),
    );
  }

  #count(added: number): void {
    this.#volumes += added;
    if (this.#volumes <= maxVolumes) return;
    throw new CertfleetError('resource-exhausted', `expected at most ${maxVolumes} volumes on a node, found more`);
  }
}

/** Errors that are the agent's own: asking again would bring the same again. */
const fatalCodes: ReadonlySet<string> = new Set(['invalid-argument', 'resource-exhausted', 'cancelled']);
