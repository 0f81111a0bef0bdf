// Checks that lanes use their rate: an open lane with free slots starts waiting renewals. Reads Redis several times a
// second and uses its clock.
import { LanePolicies } from '../../../apps/renewal-controller/src/lanes/lane-policies.ts';
import { redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import { backoff, issuers, lanePolicy } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';

/** The state of a lane in Redis; times by Redis' clock, in milliseconds. */
export interface LaneLook {
  readonly now: number;
  /** Theoretical arrival time and the interval it was computed with. */
  readonly tat: number;
  readonly interval: number;
  /** End of the back-off. */
  readonly until: number;
  readonly streak: number;
  /** Halvings of the rate. */
  readonly paceDivisorLog2: number;
  readonly paused: boolean;
  readonly inFlight: readonly string[];
  readonly blocked: number;
  /** Promoted within the last seconds and in transit. */
  readonly called: number;
  /** Times of the next slots. */
  readonly slots: readonly number[];
  readonly waiting: number;
  readonly lastSlot: number;
}

/** Enough of the next slots to detect a stalled queue. */
const slotsLookedAt = 20;

const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local looks = {}
for i, lane in ipairs(KEYS) do
  local f = redis.call('HMGET', lane, 'tat', 'interval', 'until', 'streak', 'paceDivisorLog2', 'paused')
  local function n(x) return tonumber(x or 0) or 0 end
  local slots = lane .. ':slots'
  local look = {now = now, tat = n(f[1]), interval = n(f[2]), until_ = n(f[3]), streak = n(f[4]), paceDivisorLog2 = n(f[5]),
    paused = f[6] and true or false, inFlight = redis.call('ZRANGEBYSCORE', lane .. ':inflight', now, '+inf'),
    blocked = redis.call('ZCARD', lane .. ':blocked'), called = redis.call('ZCOUNT', slots, now - 5000, now),
    slots = {}, waiting = redis.call('ZCOUNT', slots, '(' .. now, '+inf'), lastSlot = 0}
  local ahead = redis.call('ZRANGEBYSCORE', slots, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, ${slotsLookedAt})
  for j = 2, #ahead, 2 do look.slots[#look.slots + 1] = tonumber(ahead[j]) end
  local last = redis.call('ZRANGE', slots, -1, -1, 'WITHSCORES')
  look.lastSlot = n(last[2])
  looks[i] = look
end
return cjson.encode(looks)`;

const policies = new LanePolicies();
const laneKeys = issuers.map((name) =>
  redisKeys('certfleet').lane(
    policies.laneOf({ group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name }).id,
  ),
);

/** The lanes of all issuers, in order. @throws while Redis does not respond */
export async function lookAtLanes({ redis }: ChaosWorld): Promise<readonly LaneLook[]> {
  const answer = String(await redis.run('EVAL', script, `${laneKeys.length}`, ...laneKeys));
  // An empty Lua table is an empty JSON object.
  return (JSON.parse(answer) as readonly (LaneLook & { readonly until_: number })[]).map((look) => ({
    ...look,
    until: look.until_,
    inFlight: Object.values(look.inFlight),
    slots: Object.values(look.slots),
  }));
}

/** The number of free slots; fewer at a reduced rate, as in the controller. */
function freeSlots(look: LaneLook): number {
  return roomOf(look) - look.inFlight.length - look.called;
}

function roomOf({ streak, paceDivisorLog2 }: LaneLook): number {
  return streak >= backoff.threshold ? 1 : Math.max(1, Math.floor(lanePolicy.maxInFlight / 2 ** paceDivisorLog2));
}

/** How many milliseconds later slots are than the lane's rate, burst, slowdown and back-off explain. */
export function unexplainedMs(look: LaneLook, ratePerSecond: number): number {
  const free = freeSlots(look);
  if (look.paused || free <= 0) return 0;
  const { now, until, paceDivisorLog2 } = look;
  const interval = (1_000 / ratePerSecond) * 2 ** paceDivisorLog2;
  const slack = interval * ((paceDivisorLog2 > 0 ? 1 : lanePolicy.burst) - 1);
  const from = Math.max(now, until);
  // A start at a slower rate counts at the present rate.
  const isFaster = look.interval > interval && look.tat > now;
  let behind = isFaster ? now + ((look.tat - now) * interval) / look.interval : look.tat;
  if (look.called > 0) behind = Math.max(behind, from) + look.called * interval;
  let most = 0;
  for (const slot of look.slots.slice(0, free)) {
    const at = Math.max(from, behind - slack);
    most = Math.max(most, slot - at);
    behind = Math.max(behind, at) + interval;
  }
  return most;
}

const lookMs = 250;
/** Replicas check each lane every second and ignore small delays. */
const toleratedMs = 1_000;
/** The delay must last this long in every read, longer on a late machine. */
const standsStillMs = 3_000;

interface Look {
  readonly atMs: number;
  readonly paceDivisorLog2: number;
  /** Since the previous read: in back-off, paused, or with every slot taken by unanswered renewals. */
  readonly heldMs: number;
}

interface Watched {
  readonly issuer: string;
  readonly looks: Look[];
  previous: LaneLook | undefined;
  /** Since when every read found renewals that could have started. */
  lateFromMs: number | undefined;
  isReported: boolean;
}

/** How long between two reads the lane itself prevented starts, in milliseconds. */
function heldSince(previous: LaneLook | undefined, look: LaneLook): number {
  if (previous === undefined) return 0;
  // Without promoted renewals: the limits concern whether those start.
  const isFull = look.inFlight.length >= roomOf(look) && look.tat === previous.tat;
  return look.paused || look.until > look.now || isFull ? look.now - previous.now : 0;
}

/** Watches all lanes while there are no faults. */
export class LaneWatch {
  readonly #world: ChaosWorld;
  readonly #lanes: readonly Watched[] = issuers.map((issuer) => ({
    issuer,
    looks: [],
    previous: undefined,
    lateFromMs: undefined,
    isReported: false,
  }));
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;

  constructor(world: ChaosWorld) {
    this.#world = world;
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  /** How long a lane prevented all starts since a time, in milliseconds. */
  heldMs(issuer: string, fromMs: number): number {
    return this.#looksOf(issuer, fromMs).reduce((sum, look) => sum + look.heldMs, 0);
  }

  /** The slowest rate of a lane since a time, in halvings. */
  paceDivisorLog2(issuer: string, fromMs: number): number {
    return Math.max(0, ...this.#looksOf(issuer, fromMs).map(({ paceDivisorLog2 }) => paceDivisorLog2));
  }

  #looksOf(issuer: string, fromMs: number): readonly Look[] {
    return this.#lanes.find((lane) => lane.issuer === issuer)?.looks.filter(({ atMs }) => atMs >= fromMs) ?? [];
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const looks = await lookAtLanes(this.#world).catch(() => undefined);
      for (const [i, lane] of this.#lanes.entries()) this.#onLook(lane, looks?.[i]);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  #onLook(lane: Watched, look: LaneLook | undefined): void {
    const atMs = Date.now();
    if (look !== undefined)
      lane.looks.push({ atMs, paceDivisorLog2: look.paceDivisorLog2, heldMs: heldSince(lane.previous, look) });
    lane.previous = look;
    if (look === undefined || !this.#isLate(look)) lane.lateFromMs = undefined;
    else this.#onLate(lane, look, (lane.lateFromMs ??= atMs));
  }

  #isLate(look: LaneLook): boolean {
    if (look.paused || freeSlots(look) <= 0) return false;
    return look.blocked > 0 || unexplainedMs(look, this.#world.slowestRate) > toleratedMs;
  }

  #onLate(lane: Watched, look: LaneLook, fromMs: number): void {
    const { ledger, lateness, slowestRate } = this.#world;
    const forMs = Date.now() - fromMs;
    if (lane.isReported || forMs < standsStillMs + lateness.since(fromMs)) return;
    lane.isReported = true;
    const queue = `${look.waiting} renewals in the queue and ${look.blocked} blocked`;
    const late = `for ${forMs} ms ${queue} of ${lane.issuer} could have started but did not`;
    const by = `the next by up to ${Math.round(unexplainedMs(look, slowestRate))} ms with ${freeSlots(look)} free slots`;
    ledger.violate(6, `${late}, ${by}; the lane: ${JSON.stringify({ ...look, inFlight: look.inFlight.length })}`);
  }
}
