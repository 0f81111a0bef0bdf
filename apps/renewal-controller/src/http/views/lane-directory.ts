import type { Lane as ShownLane, LanePage, LaneQuery } from '@certfleet/operator-api/lanes.ts';
import { laneStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import type { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { noVolumes } from '../../fleet-index/view/fleet-stats.ts';
import type { FleetStats } from '../../fleet-index/view/fleet-stats.ts';
import type { FleetView } from '../../fleet-index/view/fleet-view.ts';
import { issuerKey } from '../../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../../fleet-index/model/indexed-volume.ts';
import { laneStatus, podCertificateShare } from '../../lanes/lane-depth.ts';
import type { LanePolicies } from '../../lanes/lane-policies.ts';
import type { LaneState } from '../../lanes/lane-state.ts';
import type { LaneStore } from '../../lanes/lane-store.ts';
import type { ChangeFeed } from '../live/change-feed.ts';
import { secondCache } from './second-cache.ts';
import { iso } from './volume-row.ts';

export interface LaneDirectoryOptions {
  readonly lanes: Pick<LaneStore, 'noted' | 'states'>;
  readonly policies: LanePolicies;
  readonly view: () => FleetView;
  readonly feed: Pick<ChangeFeed, 'onEvent'>;
  readonly clock: Clock;
}

/** A lane as shown, with the start of its issuer's current failures. */
export interface LaneEntry {
  readonly shown: ShownLane;
  readonly failingSinceMs: number | undefined;
}

/** All lanes of the fleet: those that renewals have used, and those of issuers with volumes. */
export class LaneDirectory {
  readonly #options: LaneDirectoryOptions;
  readonly #cache: Cache<ReadonlyMap<string, LaneEntry>>;

  constructor(options: LaneDirectoryOptions) {
    this.#options = options;
    this.#cache = secondCache(options.clock, options.feed);
  }

  /** By id; cached for about a second. */
  all(): Promise<ReadonlyMap<string, LaneEntry>> {
    return this.#cache.load('', () => this.#read());
  }

  /**
   * The current status of a lane.
   * @throws CertfleetError not-found
   */
  async one(id: string): Promise<ShownLane> {
    const known = (await this.all()).get(id);
    if (known === undefined) throw new CertfleetError('not-found', `there is no lane ${id}`);
    const { view, clock, lanes } = this.#options;
    const [state] = await lanes.states([known.shown.issuer]);
    return state === undefined ? known.shown : this.#entry(state, view().stats(clock.now())).shown;
  }

  /** @throws CertfleetError invalid-argument for an invalid cursor */
  async page({ search, state, sort = 'issuer', order = 'asc', limit, after }: LaneQuery): Promise<LanePage> {
    const part = search?.toLowerCase() ?? '';
    const matching = [...(await this.all()).values()]
      .map(({ shown }) => shown)
      .filter((lane) => (state === undefined || lane.state === state) && lane.key.toLowerCase().includes(part));
    const sign = order === 'asc' ? 1 : -1;
    const keyOf = sortKeys[sort];
    matching.sort((a, b) => compare([keyOf(a), a.id], [keyOf(b), b.id], sign));
    const begin = after === undefined ? undefined : decodeCursor(after);
    const rest =
      begin === undefined ? matching : matching.filter((lane) => compare([keyOf(lane), lane.id], begin, sign) > 0);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    return {
      lanes: page,
      total: matching.length,
      ...(rest.length > limit && last !== undefined && { next: encodeCursor([keyOf(last), last.id]) }),
    };
  }

  /** Invalidates the cache. */
  changed(): void {
    this.#cache.clear();
  }

  async #read(): Promise<ReadonlyMap<string, LaneEntry>> {
    const { lanes, view, clock } = this.#options;
    const stats = view().stats(clock.now());
    const issuers = new Map<string, IssuerName>();
    for (const { key, issuer } of stats.issuers.values()) issuers.set(key, issuer);
    for (const issuer of await lanes.noted()) issuers.set(issuerKey(issuer), issuer);
    const entries = (await lanes.states([...issuers.values()])).map((state) => this.#entry(state, stats));
    return new Map(entries.map((entry) => [entry.shown.id, entry]));
  }

  #entry(state: LaneState, stats: FleetStats): LaneEntry {
    const nowMs = this.#options.clock.now();
    const { windows } = this.#options.policies.laneOf(state.issuer);
    const opensInMs = windows.opensInMs(nowMs);
    const key = issuerKey(state.issuer);
    const { volumes = 0, byState = noVolumes() } = stats.issuers.get(key) ?? {};
    const pods = podCertificateShare(state, nowMs);
    const { issuer, policy, paused, lastError, queueEndsAtMs, backoffUntilMs = 0 } = state;
    return {
      failingSinceMs: state.failingSinceMs,
      shown: {
        id: state.id,
        key,
        issuer,
        policy: { ...policy, windows: [...policy.windows] },
        state: laneStatus(state, { nowMs, opensInMs }),
        ...(paused && { paused: { by: paused.by, reason: paused.reason, at: iso(paused.atMs) } }),
        inFlight: state.inFlight,
        ...(pods && { podCertificates: { waiting: pods.waiting, inFlight: pods.inFlight } }),
        queued: state.queued,
        blocked: state.blocked,
        ...(queueEndsAtMs !== undefined && { queueEndsAt: iso(queueEndsAtMs) }),
        ...(backoffUntilMs > nowMs && { backoffUntil: iso(backoffUntilMs) }),
        ...(opensInMs > 0 && Number.isFinite(opensInMs) && { opensAt: iso(nowMs + opensInMs) }),
        failureStreak: state.failureStreak,
        pace: state.pace,
        ...(lastError && { lastError: { at: iso(lastError.atMs), message: lastError.message } }),
        volumes,
        byState,
      },
    };
  }
}

type LaneCursor = readonly [string | number, string];

const sortKeys: Readonly<Record<NonNullable<LaneQuery['sort']>, (lane: ShownLane) => string | number>> = {
  issuer: ({ key }) => key,
  state: ({ state }) => laneStatuses.indexOf(state),
  volumes: ({ volumes }) => volumes,
  waiting: ({ queued, blocked, podCertificates }) => queued + blocked + (podCertificates?.waiting ?? 0),
  'in-flight': ({ inFlight }) => inFlight,
  failures: ({ failureStreak }) => failureStreak,
};

function compare([a, idA]: LaneCursor, [b, idB]: LaneCursor, sign: 1 | -1): number {
  if (a !== b) return a < b ? -sign : sign;
  return idA === idB ? 0 : idA < idB ? -1 : 1;
}

function encodeCursor(cursor: LaneCursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function decodeCursor(text: string): LaneCursor {
  try {
    const [key, id] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if ((typeof key === 'string' || typeof key === 'number') && typeof id === 'string') return [key, id];
  } catch {
    // Reported below.
  }
  throw new CertfleetError('invalid-argument', 'after: expected the `next` value of an earlier page');
}
