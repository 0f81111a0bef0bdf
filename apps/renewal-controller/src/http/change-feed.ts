import type { ChangeEvent } from '@certfleet/operator-api/change-events.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ChangeKind, ChangeListener, FollowedChange } from '../fleet-index/followed-change.ts';

/** An event as it is sent. */
export interface FeedEvent {
  readonly type: 'change' | 'reset';
  /** A position in the stream of changes that all replicas follow, so that any of them can go on from it. */
  readonly id: string;
  readonly data: ChangeEvent | undefined;
}

/** One open stream. */
export interface FeedReader {
  /** Whose it is; streams of nobody count for all alone. */
  readonly user?: string;
  send(event: FeedEvent): void;
  /** Keeps proxies from taking the stream for dead. */
  beat(): void;
  /** The controller stops. */
  end(): void;
}

const gatherMs = 1_000;
const beatMs = 15_000;
const maxEvents = 300;
const maxReaders = 200;
/** Of one user: a page has one, and a person a few pages. */
const maxReadersOfUser = 25;
/** Beyond this a page asks for all it shows rather than for each. */
const maxVolumes = 200;

/** Tells open pages what changed, gathered to about one event a second, and keeps the last minutes for those that drop. */
export class ChangeFeed implements ChangeListener {
  readonly #clock: Clock;
  readonly #readers = new Set<FeedReader>();
  readonly #events: FeedEvent[] = [];
  /** Position before the first event that is kept; undefined until anything is known. */
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
    // Nothing of a stream that was lost may be taken for known by the time of its ids.
    this.#since = position === '' ? `${this.#clock.now()}-0` : position;
    this.#tell({ type: 'reset', id: this.#since, data: undefined });
  }

  /**
   * Makes sure that a user may open one more stream. When all are taken, the user who has most of them loses the oldest to
   * one who has fewer.
   * @throws CertfleetError resource-exhausted when too many streams are open, unavailable while stopping
   */
  checkRoom(user?: string): void {
    if (this.#isStopped) throw new CertfleetError('unavailable', 'the controller is stopping');
    const own = user === undefined ? 0 : this.#readersOf(user).length;
    if (own >= maxReadersOfUser) {
      throw new CertfleetError('resource-exhausted', `expected at most ${maxReadersOfUser} open streams of yours`);
    }
    if (this.#readers.size < maxReaders) return;
    const [oldest, , ...more] = user === undefined ? [] : this.#readersOf(this.#greediest());
    if (oldest === undefined || more.length + 2 <= own + 1) {
      throw new CertfleetError('resource-exhausted', `expected at most ${maxReaders} open streams, found as many`);
    }
    this.#readers.delete(oldest);
    oldest.end();
  }

  #readersOf(user: string | undefined): readonly FeedReader[] {
    return [...this.#readers].filter((reader) => reader.user === user);
  }

  /** The user with the most streams. */
  #greediest(): string | undefined {
    const counts = new Map<string | undefined, number>();
    for (const { user } of this.#readers) counts.set(user, (counts.get(user) ?? 0) + 1);
    return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
  }

  /** Calls back before each event: what was answered before is not so any more. */
  onEvent(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /**
   * Begins to tell a reader, first what it missed since `lastId`. @returns what ends it
   */
  open(reader: FeedReader, lastId: string | undefined): () => void {
    if (lastId !== undefined) for (const event of this.#missed(lastId)) reader.send(event);
    this.#readers.add(reader);
    this.#cancelBeat ??= this.#clock.schedule(beatMs, () => this.#beat());
    return () => this.#readers.delete(reader);
  }

  /** Ends every stream. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelGather?.();
    this.#cancelBeat?.();
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** What happened after a position; a reset when that is not known any more. */
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
    this.#tell(event);
  }

  #tell(event: FeedEvent): void {
    for (const callback of this.#callbacks) callback();
    for (const reader of this.#readers) reader.send(event);
  }

  #beat(): void {
    for (const reader of this.#readers) reader.beat();
    this.#cancelBeat = this.#readers.size === 0 ? undefined : this.#clock.schedule(beatMs, () => this.#beat());
  }
}

/** Whether one id of a Redis stream, `ms-sequence`, comes after another; `''` comes before all. */
function isAfter(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms !== otherMs ? ms > otherMs : sequence > otherSequence;
}
