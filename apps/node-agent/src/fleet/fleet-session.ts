import { heartbeatBounds } from '@certfleet/fleet-model/heartbeat.ts';
import { delay } from '@certfleet/shared/clock.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type {
  AgentMessage,
  ControllerMessage,
  Deferral,
  Describe,
  RedisAccess,
  VolumeReport,
  Welcome,
} from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { ControllerConnection } from './controller-client.ts';
import type { FleetVolumes } from './fleet-volumes.ts';
import { reportChunks } from './snapshot-chunks.ts';
import { SilenceWatch } from './silence-watch.ts';
import { WakeUp } from './wake-up.ts';

export interface FleetSessionOptions {
  readonly connection: ControllerConnection;
  readonly volumes: FleetVolumes;
  readonly version: string;
  readonly clock: Clock;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onAccess: (access: RedisAccess) => void;
}

/** Timeout for opening the stream, the token review and the controller's response. */
const welcomeTimeoutMs = 15_000;
/** Changes within this time are sent together: a node that starts a hundred pods sends a few messages. */
const gatherMs = 50;

const maxRequestId = 64;
/** Maximum number of unanswered requests for descriptions; more are ignored. */
const maxQuestions = 16;

const emptyMessage: AgentMessage = {
  hello: undefined,
  snapshot: undefined,
  delta: undefined,
  heartbeat: undefined,
  description: undefined,
};

/**
 * One stream to the controller, from Hello to its end. It sends a snapshot when the controller asks for one, then the
 * changes since, at the pace at which the controller reads, with at most one pending report per volume.
 */
export class FleetSession {
  readonly #options: FleetSessionOptions;
  readonly #changed = new Set<string>();
  /** Refused renewal jobs: the generation that each job named, by volume id. */
  readonly #refused = new Map<string, number>();
  readonly #questions: Describe[] = [];
  readonly #wakeUp = new WakeUp();
  readonly #ending = new AbortController();
  readonly #welcomed = Promise.withResolvers<Welcome>();
  #isSnapshotDue = false;
  #isSnapshotSent = false;
  #isHeartbeatDue = false;
  #cancelHeartbeat: CancelTimer | undefined;
  readonly #silence: SilenceWatch;

  constructor(options: FleetSessionOptions) {
    this.#options = options;
    this.#silence = new SilenceWatch(options.clock, (silentMs) =>
      this.end(new CertfleetError('deadline-exceeded', `no message of the controller within ${silentMs} ms`)),
    );
    this.#welcomed.promise.catch(() => undefined); // run() awaits it, but may have ended by then.
  }

  /** Call when a volume was added, changed or removed. */
  changed(volumeId: string): void {
    this.#changed.add(volumeId);
    this.#wakeUp.call();
  }

  /** Call when a renewal job was refused. */
  refused(volumeId: string, generation: number): void {
    this.#refused.set(volumeId, generation);
    // The volume is reported too: the controller may have missed its removal.
    this.changed(volumeId);
  }

  /** Ends the session; `run` rejects with the reason. */
  end(reason: CertfleetError): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(reason);
    this.#welcomed.reject(reason);
    this.#wakeUp.call();
  }

  /** Runs until the stream ends; always rejects with the reason. */
  async run(): Promise<never> {
    const { connection, version, clock, onWelcome } = this.#options;
    const { stream } = connection;
    stream.on('data', (message: ControllerMessage) => this.#receive(message));
    stream.on('error', (error: Error) => this.end(new CertfleetError('unavailable', error.message)));
    stream.on('end', () => this.end(new CertfleetError('unavailable', 'the controller ended the stream')));
    const cancelTimeout = clock.schedule(welcomeTimeoutMs, () =>
      this.end(new CertfleetError('deadline-exceeded', 'the controller sent no welcome in time')),
    );
    try {
      await this.#send({ hello: { agentVersion: version } });
      const welcome = await this.#welcomed.promise;
      cancelTimeout();
      onWelcome(welcome);
      const intervalMs = heartbeatMs(welcome);
      this.#beat(intervalMs);
      if (welcome.sendsHeartbeats) this.#silence.start(intervalMs);
      for (;;) await this.#sendNext();
    } catch (thrown) {
      throw asCertfleetError(thrown);
    } finally {
      cancelTimeout();
      this.#cancelHeartbeat?.();
      this.#silence.stop();
      stream.cancel();
      connection.close();
    }
  }

  #receive({ welcome, redis, resync, describe }: ControllerMessage): void {
    this.#silence.received();
    if (welcome !== undefined) this.#welcomed.resolve(welcome);
    if (redis !== undefined) this.#options.onAccess(redis);
    if (describe !== undefined && this.#questions.length < maxQuestions) {
      this.#questions.push(describe);
      this.#wakeUp.call();
    }
    if (resync !== undefined) {
      this.#isSnapshotDue = true;
      this.#wakeUp.call();
    }
  }

  #beat(intervalMs: number): void {
    this.#cancelHeartbeat = this.#options.clock.schedule(intervalMs, () => {
      this.#isHeartbeatDue = true;
      this.#wakeUp.call();
      this.#beat(intervalMs);
    });
  }

  async #sendNext(): Promise<void> {
    this.#ending.signal.throwIfAborted();
    if (this.#isSnapshotDue) {
      this.#isSnapshotDue = false;
      // The snapshot contains the current state of every volume; later changes are sent as deltas.
      this.#changed.clear();
      for (const volumeId of this.#refused.keys()) this.#changed.add(volumeId);
      // Deferrals are in deltas alone, and the last ones may be lost.
      for (const id of this.#options.volumes.ids()) if (this.#deferredForMs(id) > 0) this.#changed.add(id);
      await this.#sendSnapshot();
      this.#isSnapshotSent = true;
    } else if (this.#isHeartbeatDue) {
      // Before the changes, which may come continuously: the heartbeat is the node's sign of life for the controller.
      this.#isHeartbeatDue = false;
      await this.#send({ heartbeat: {} });
    } else if (this.#questions.length > 0) {
      await this.#answer();
    } else if (this.#isSnapshotSent && this.#changed.size > 0) {
      await delay(this.#options.clock, gatherMs, this.#ending.signal);
      await this.#sendDelta();
    } else await this.#wakeUp.wait();
  }

  async #sendSnapshot(): Promise<void> {
    const { volumes } = this.#options;
    for (const { reports } of reportChunks(volumes, volumes.ids())) {
      await this.#send({ snapshot: { volumes: reports, last: false } });
    }
    await this.#send({ snapshot: { volumes: [], last: true } });
  }

  async #sendDelta(): Promise<void> {
    const ids = [...this.#changed];
    this.#changed.clear();
    for (const { reports, goneIds } of reportChunks(this.#options.volumes, ids)) {
      const deferrals = reports.flatMap((report) => this.#deferral(report) ?? []);
      for (const id of goneIds) this.#refused.delete(id);
      await this.#send({ delta: { upserted: reports, removedVolumeIds: goneIds, deferrals } });
    }
  }

  /** Answers a job that was refused, or one that may be in progress or queued while the volume waits. */
  #deferral({ volumeId, generation }: VolumeReport): Deferral | undefined {
    const refused = this.#refused.get(volumeId);
    this.#refused.delete(volumeId);
    const deferredForMs = this.#deferredForMs(volumeId);
    if (refused === undefined && deferredForMs === 0) return undefined;
    const waitMs = refused === undefined ? deferredForMs : this.#options.volumes.automaticWaitMs(volumeId);
    return { volumeId, generation: refused ?? generation, waitMs: Math.ceil(waitMs) };
  }

  #deferredForMs(volumeId: string): number {
    return this.#options.volumes.deferredForMs?.(volumeId) ?? 0;
  }

  /**
   * Answers one request at a time: a description may have half a megabyte, and the next is built after this one was
   * sent.
   */
  async #answer(): Promise<void> {
    const question = this.#questions.shift();
    if (question === undefined) return;
    const requestId = question.requestId.slice(0, maxRequestId);
    await this.#send({ description: { requestId, ...this.#options.volumes.describe(question.volumeId) } });
  }

  /** Sends one message, and waits while the controller reads more slowly than the agent writes. */
  async #send(message: Partial<AgentMessage>): Promise<void> {
    this.#ending.signal.throwIfAborted();
    const { stream } = this.#options.connection;
    if (stream.write({ ...emptyMessage, ...message })) return;
    const drained = Promise.withResolvers<void>();
    const onEnd = (): void => drained.reject(this.#ending.signal.reason);
    stream.once('drain', drained.resolve);
    this.#ending.signal.addEventListener('abort', onEnd, { once: true });
    try {
      await drained.promise;
    } finally {
      this.#ending.signal.removeEventListener('abort', onEnd);
      stream.off('drain', drained.resolve);
    }
  }
}

function heartbeatMs({ heartbeatSeconds }: Welcome): number {
  const { low, high } = heartbeatBounds;
  return Math.min(Math.max(heartbeatSeconds, low), high) * 1_000;
}
