import { missedHeartbeats } from '@certfleet/fleet-model/heartbeat.ts';
import { randomUUID } from 'node:crypto';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import type {
  AgentMessage,
  ControllerMessage,
  Description,
  VolumeReport,
} from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetIndex } from '../fleet-index/fleet-index.ts';
import type { NodeSession } from '../fleet-index/model/node-session.ts';
import type { MessageReader } from './message-reader.ts';
import { NodeSessions, superseded } from './node-sessions.ts';
import type { SnapshotTurns } from './snapshot-turns.ts';

export type ReportIndex = Pick<FleetIndex, 'openSession' | 'nodeSeen' | 'applySnapshot' | 'applyDelta'> &
  Partial<Pick<FleetIndex, 'currentSession' | 'applyDeferrals'>>;

export interface NodeStreamOptions {
  /** From the agent's token. */
  readonly node: string;
  readonly reader: MessageReader;
  readonly send: (message: Partial<ControllerMessage>) => void;
  readonly index: ReportIndex;
  readonly turns: SnapshotTurns;
  readonly replica: string;
  readonly heartbeatSeconds: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The welcome was sent. */
  readonly onWelcomed?: () => void;
  /**
   * The agent has answered on this stream and owns the node's session: close older streams and issue its credentials.
   */
  readonly onAccepted: () => void;
  /** Redis had lost the node's session, and a new one was opened. */
  readonly onSessionLost?: () => void;
  /** A report was applied, this many milliseconds after it was read. */
  readonly observeReport: (durationMs: number) => void;
  /** Handles an answer of the agent; an error thrown here ends the stream. */
  readonly onDescription: (description: Description) => void;
}

/** Well above a kubelet's pod limit; larger reports are rejected. */
const maxVolumes = 10_000;
/** How many sessions other streams may open while this one enters. */
const maxEntries = 5;
/** Timeout of the agent's answer that shows which stream it uses. */
const answerTimeoutMs = 10_000;

/**
 * The controller's side of one agent's stream. It applies the reports to the index in order, and requests a resync if
 * one could not be applied.
 */
export class NodeStream {
  readonly #options: NodeStreamOptions;
  readonly #sessions: NodeSessions;
  readonly #ending = new AbortController();
  /** Number of volumes on the node. */
  #volumes = 0;
  #interrupt: () => void = () => undefined;
  #isResyncDue = false;
  /** A snapshot failed; its remaining parts are skipped. */
  #isSkipping = false;
  #endTurn: () => void = () => undefined;
  #cancelSilence: CancelTimer | undefined;
  #agentVersion = '';
  /** Already read, processed next. */
  #pending: AgentMessage | undefined;

  constructor(options: NodeStreamOptions) {
    this.#options = options;
    this.#sessions = new NodeSessions(options, this.#ending.signal);
  }

  /** Call when the index may have been lost: checks the session and requests a resync if needed. */
  resync(): void {
    this.#isResyncDue = true;
    this.#interrupt();
  }

  end(reason: CertfleetError): void {
    this.#ending.abort(reason);
    this.#interrupt();
  }

  /** Runs until the stream ends. Always rejects, with the reason of the end. */
  async run(): Promise<never> {
    const { send, node, heartbeatSeconds, onWelcomed, onAccepted } = this.#options;
    try {
      const hello = (await this.#next())?.hello;
      if (hello === undefined) throw new CertfleetError('invalid-argument', 'expected hello as the first message');
      this.#agentVersion = hello.agentVersion.slice(0, 64);
      const before = await this.#sessions.tryRead();
      send({ welcome: { nodeName: node, heartbeatSeconds, redis: undefined, sendsHeartbeats: true } });
      onWelcomed?.();
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

  /** Processes one message, or an interruption. */
  async #work(session: NodeSession): Promise<void> {
    const { index, clock, observeReport, onDescription } = this.#options;
    if (this.#isResyncDue) throw new CertfleetError('aborted', 'the index may have been lost');
    const message = await this.#next();
    if (message === undefined) return;
    if (message.description !== undefined) {
      onDescription(message.description);
      return;
    }
    const startedMs = clock.monotonic();
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
    observeReport(clock.monotonic() - startedMs);
  }

  /**
   * Yields the parts of a snapshot. Throws if the stream ends before the last part, so that missing volumes are not
   * removed.
   */
  async *#parts(first: AgentMessage): AsyncGenerator<readonly VolumeReport[]> {
    let message: AgentMessage | undefined = first;
    for (;;) {
      const snapshot: AgentMessage['snapshot'] = message?.snapshot;
      // An interruption is handled after the snapshot.
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

  /** Waits for Redis, then requests a resync under a new session. */
  async #recover(session: NodeSession, error: CertfleetError): Promise<NodeSession> {
    const { index, node, log } = this.#options;
    this.#ending.signal.throwIfAborted();
    if (fatalCodes.has(error.code)) throw error;
    if (!this.#isResyncDue) log.warn({ node, error: error.message }, 'report rejected, requesting a full resync');
    this.#isResyncDue = false;
    for (;;) {
      try {
        const status = await index.nodeSeen(session);
        if (status === 'superseded') {
          throw superseded();
        }
        if (status === 'current') {
          // A command that timed out may still reach Redis; a new session prevents it from overwriting later reports. It
          // also marks the volumes as incomplete until the snapshot: Redis may have lost some.
          const present = await this.#sessions.open(session.id, this.#agentVersion);
          this.#askForSnapshot();
          return present;
        }
        const next = await this.#sessions.open('', this.#agentVersion);
        this.#options.onSessionLost?.();
        this.#askForSnapshot();
        return next;
      } catch (thrown) {
        if (asCertfleetError(thrown).reason === 'Superseded') throw thrown;
        await this.#sessions.pause();
      }
    }
  }

  /**
   * Opens the node's session after the agent has answered, on this stream, a message that was sent after the current
   * session was read. An abandoned stream never gets such an answer, and a delayed one finds that the session has
   * changed. Neither can displace a newer stream, and no clock is involved.
   */
  async #enter(before: string | undefined): Promise<NodeSession> {
    // If Redis was unavailable, heartbeats may have been sent before the session was read, but a snapshot part was not.
    const expected = before ?? (await this.#sessions.read());
    this.#askForSnapshot();
    // After hello the agent sends nothing until it has read the welcome.
    this.#pending = await this.#nextMessage(({ snapshot }) => before !== undefined || snapshot !== undefined);
    try {
      return await this.#sessions.open(expected, this.#agentVersion);
    } catch (thrown) {
      if (asCertfleetError(thrown).reason !== 'Superseded') throw thrown;
      return await this.#enterAgain();
    }
  }

  /**
   * Opens the session after another stream opened one between the reading and the opening. That stream may be an older
   * one that has not noticed its end and recovered from a loss of Redis. Only an answer of the agent on this stream
   * shows which one it uses.
   */
  async #enterAgain(): Promise<NodeSession> {
    for (let attempt = 1; ; attempt += 1) {
      const expected = await this.#sessions.read();
      await this.#askForAnswer();
      try {
        const session = await this.#sessions.open(expected, this.#agentVersion);
        this.#askForSnapshot();
        return session;
      } catch (thrown) {
        if (asCertfleetError(thrown).reason !== 'Superseded' || attempt === maxEntries) throw thrown;
      }
    }
  }

  /** Waits for the agent's answer to a question of now; drops what it sent before, which the next snapshot contains. */
  async #askForAnswer(): Promise<void> {
    const { send, clock } = this.#options;
    const requestId = randomUUID();
    const cancel = clock.schedule(answerTimeoutMs, () => this.end(superseded()));
    try {
      // The agent answers between two snapshots, never within one.
      send({ describe: { requestId, volumeId: '' } });
      await this.#nextMessage(({ description }) => description?.requestId === requestId);
      this.#pending = undefined;
    } finally {
      cancel();
    }
  }

  async #nextMessage(isWanted: (message: AgentMessage) => boolean): Promise<AgentMessage> {
    for (;;) {
      const message = await this.#next();
      if (message !== undefined && isWanted(message)) return message;
    }
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
    // While a message is processed nothing is read, so the agent must not count as silent.
    this.#cancelSilence?.();
    this.#ending.signal.throwIfAborted();
    return message;
  }

  #expectMessage(): void {
    const { clock, heartbeatSeconds } = this.#options;
    const limitMs = missedHeartbeats * heartbeatSeconds * 1000;
    this.#cancelSilence?.();
    this.#cancelSilence = clock.schedule(limitMs, () =>
      this.end(new CertfleetError('deadline-exceeded', `no message within ${limitMs} ms`)),
    );
  }

  #count(added: number): void {
    this.#volumes += added;
    if (this.#volumes <= maxVolumes) return;
    throw new CertfleetError('resource-exhausted', `expected at most ${maxVolumes} volumes on a node, found more`);
  }
}

/** Errors caused by the agent itself; a resync would repeat them. */
const fatalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['invalid-argument', 'resource-exhausted', 'cancelled']);
