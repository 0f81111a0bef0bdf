import type { ChangeEvent } from '@certfleet/operator-api/change-events.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ChangeKind, ChangeListener, FollowedChange } from '../../fleet-index/model/followed-change.ts';

export interface FeedEvent {
  readonly type: 'change' | 'reset';
  /** Position in the change stream. All replicas follow the same stream, so a client can resume on any of them. */
  readonly id: string;
  readonly data: ChangeEvent | undefined;
}

export interface FeedReader {
  /** Streams without a user are limited only in total. */
  readonly user?: string;
  send(event: FeedEvent): void;
  /** Heartbeat: keeps proxies from closing the stream, and lets the page detect a connection that no longer delivers. */
  beat(): void;
  /** Called when the controller stops. */
  end(): void;
}

const gatherMs = 1_000;
const beatMs = 5_000;
const maxEvents = 300;
const maxReaders = 200;
/** Per user; each open page uses one stream. */
const maxReadersOfUser = 25;
/** With more changed volumes an event omits their ids, and the page reloads everything. */
const maxVolumes = 200;

/**
 * Sends changes to open pages, merged to about one event per second, and keeps the events of the last minutes for
 * clients that reconnect.
 */
export class ChangeFeed implements ChangeListener {
  readonly #clock: Clock;
  readonly #readers = new Set<FeedReader>();
  readonly #events: FeedEvent[] = [];
  /** Position before the first stored event; undefined until the first event. */
  #since: string | undefined;
  #gathered:
    { position: string; kinds: Set<ChangeKind>; volumes: Map<string, [string, string]> | undefined } | undefined;
  #cancelGather: CancelTimer | undefined;
  #cancelBeat: CancelTimer | undefined;
  readonly #callbacks: (() => void)[] = [];
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  changed({ position, kinds, volumes }: FollowedChange): void {
    const gathered = (this.#gathered ??= { position, kinds: new Set(), volumes: new Map() });
    gathered.position = position;
    for (const kind of kinds) gathered.kinds.add(kind);
    for (const { node, volumeId } of volumes ?? []) gathered.volumes?.set(`${node}/${volumeId}`, [node, volumeId]);
    if (volumes === undefined || (gathered.volumes?.size ?? 0) > maxVolumes) gathered.volumes = undefined;
    if (this.#isStopped) return;
    this.#cancelGather ??= this.#clock.schedule(gatherMs, () => this.#emit());
  }

  reloaded(position: string): void {
    this.#gathered = undefined;
    this.#events.length = 0;
    // After a loss of the stream no older position may count as known, so use the current time.
    this.#since = position === '' ? `${this.#clock.now()}-0` : position;
    this.#broadcast({ type: 'reset', id: this.#since, data: undefined });
  }

  /**
   * Checks that a user may open another stream. If all streams are in use, the user with the most streams loses the
   * oldest one to a user with fewer.
   * @throws CertfleetError resource-exhausted if too many streams are open; unavailable while stopping
   */
  checkRoom(user?: string): void {
    if (this.#isStopped) throw new CertfleetError('unavailable', 'the controller is stopping');
    const own = user === undefined ? 0 : this.#readersOf(user).length;
    if (own >= maxReadersOfUser) {
      throw new CertfleetError(
        'resource-exhausted',
        `you have too many open event streams: the limit is ${maxReadersOfUser}`,
      );
    }
    if (this.#readers.size < maxReaders) return;
    const [oldest, , ...more] = user === undefined ? [] : this.#readersOf(this.#userWithMostStreams());
    if (oldest === undefined || more.length + 2 <= own + 1) {
      throw new CertfleetError('resource-exhausted', `too many open event streams: the limit is ${maxReaders}`);
    }
    this.#readers.delete(oldest);
    oldest.end();
  }

  #readersOf(user: string | undefined): readonly FeedReader[] {
    return [...this.#readers].filter((reader) => reader.user === user);
  }

  #userWithMostStreams(): string | undefined {
    const counts = new Map<string | undefined, number>();
    for (const { user } of this.#readers) counts.set(user, (counts.get(user) ?? 0) + 1);
    return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
  }

  /** Calls back before each event, for example to invalidate caches. */
  onEvent(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /**
   * Adds a reader and first sends the events after `lastId`.
   * @returns a function that removes the reader
   */
  open(reader: FeedReader, lastId: string | undefined): () => void {
    if (lastId !== undefined) for (const event of this.#missed(lastId)) reader.send(event);
    this.#readers.add(reader);
    this.#cancelBeat ??= this.#clock.schedule(beatMs, () => this.#beat());
    return () => this.#readers.delete(reader);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelGather?.();
    this.#cancelBeat?.();
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** Events after a position, or a reset if the position is no longer known. */
  #missed(lastId: string): readonly FeedEvent[] {
    if (this.#since !== undefined && !isAfter(this.#since, lastId))
      return this.#events.filter(({ id }) => isAfter(id, lastId));
    return [{ type: 'reset', id: this.#events.at(-1)?.id ?? this.#since ?? '', data: undefined }];
  }

  #emit(): void {
    this.#cancelGather = undefined;
    const gathered = this.#gathered;
    this.#gathered = undefined;
    if (gathered === undefined) return;
    const { position, kinds, volumes } = gathered;
    const data = { kinds: [...kinds], ...(volumes !== undefined && { volumes: [...volumes.values()] }) };
    const event: FeedEvent = { type: 'change', id: position, data };
    this.#events.push(event);
    if (this.#events.length > maxEvents) this.#since = this.#events.shift()?.id;
    this.#broadcast(event);
  }

  #broadcast(event: FeedEvent): void {
    for (const callback of this.#callbacks) callback();
    for (const reader of this.#readers) reader.send(event);
  }

  #beat(): void {
    for (const reader of this.#readers) reader.beat();
    this.#cancelBeat = this.#readers.size === 0 ? undefined : this.#clock.schedule(beatMs, () => this.#beat());
  }
}

/** Compares two ids of a Redis stream, `ms-sequence`; `''` is before all others. */
function isAfter(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms !== otherMs ? ms > otherMs : sequence > otherSequence;
}
