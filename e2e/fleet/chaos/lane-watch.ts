// Whether lanes use the pace that they have: an open lane with free slots starts what waits in it. Looked at in Redis itself,
// several times a second and by Redis' clock.
import { LanePolicies } from '../../../apps/renewal-controller/src/lanes/lane-policies.ts';
import { redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import { backoff, issuers, lanePolicy } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';

/** A lane as Redis has it at one moment; times are Redis' own, in milliseconds. */
export interface LaneLook {
  readonly now: number;
  /** Theoretical arrival time and the interval it was computed with. */
  readonly tat: number;
  readonly interval: number;
  /** End of the back-off. */
  readonly until: number;
  readonly streak: number;
  /** Halvings of the pace. */
  readonly throttle: number;
  readonly paused: boolean;
  readonly inFlight: readonly string[];
  readonly blocked: number;
  /** Called within the last seconds and on their way. */
  readonly called: number;
  /** Times of the first slots to come. */
  readonly slots: readonly number[];
  readonly waiting: number;
  readonly lastSlot: number;
}

/** Some slots to come are enough to see that a queue stands still. */
const slotsLookedAt = 20;

const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local looks = {}
for i, lane in ipairs(KEYS) do
  local f = redis.call('HMGET', lane, 'tat', 'interval', 'until', 'streak', 'throttle', 'paused')
  local function n(x) return tonumber(x or 0) or 0 end
  local slots = lane .. ':slots'
  local look = {now = now, tat = n(f[1]), interval = n(f[2]), until_ = n(f[3]), streak = n(f[4]), throttle = n(f[5]),
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

/** The lanes of all issuers, in their order. @throws while Redis does not answer */
export async function lookAtLanes({ redis }: ChaosWorld): Promise<readonly LaneLook[]> {
  const answer = String(await redis.run('EVAL', script, `${laneKeys.length}`, ...laneKeys));
  // An empty table of Lua is an empty object of JSON.
  return (JSON.parse(answer) as readonly (LaneLook & { readonly until_: number })[]).map((look) => ({
    ...look,
    until: look.until_,
    inFlight: Object.values(look.inFlight),
    slots: Object.values(look.slots),
  }));
}

/** How many slots the lane has to give now; fewer while its pace is reduced, as lanes do. */
function freeSlots({ streak, throttle, inFlight, called }: LaneLook): number {
  const { maxInFlight } = lanePolicy;
  const room = streak >= backoff.threshold ? 1 : Math.max(1, Math.floor(maxInFlight / 2 ** throttle));
  return room - inFlight.length - called;
}

/** By how many milliseconds slots are later than the lane's rate, burst, pace and back-off explain. */
export function unexplainedMs(look: LaneLook, ratePerSecond: number): number {
  const free = freeSlots(look);
  if (look.paused || free <= 0) return 0;
  const { now, until, throttle } = look;
  const interval = (1_000 / ratePerSecond) * 2 ** throttle;
  const slack = interval * ((throttle > 0 ? 1 : lanePolicy.burst) - 1);
  const from = Math.max(now, until);
  // What was started at a slower pace counts at the present one.
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
/** Replicas look at each lane every second, and leave slots alone that are little late. */
const toleratedMs = 1_000;
/** For so long in every look, and longer on a machine that is late. */
const standsStillMs = 3_000;

interface Look {
  readonly atMs: number;
  readonly throttle: number;
  /** Since the look before: in back-off, paused, or with every slot taken by unanswered renewals. */
  readonly heldMs: number;
}

interface Watched {
  readonly issuer: string;
  readonly looks: Look[];
  previous: LaneLook | undefined;
  /** Since when every look found renewals that could have come. */
  lateFromMs: number | undefined;
  isReported: boolean;
}

/** How long between two looks a lane let nothing start for a reason of its own, in milliseconds. */
function heldSince(previous: LaneLook | undefined, look: LaneLook): number {
  if (previous === undefined) return 0;
  const isFull = freeSlots(look) <= 0 && look.tat === previous.tat;
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

  /** How long a lane held everything back since a time, in milliseconds. */
  heldMs(issuer: string, fromMs: number): number {
    return this.#looksOf(issuer, fromMs).reduce((sum, look) => sum + look.heldMs, 0);
  }

  /** The slowest pace of a lane since a time, in halvings. */
  throttle(issuer: string, fromMs: number): number {
    return Math.max(0, ...this.#looksOf(issuer, fromMs).map(({ throttle }) => throttle));
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
    if (look !== undefined) lane.looks.push({ atMs, throttle: look.throttle, heldMs: heldSince(lane.previous, look) });
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
    const late = `for ${forMs} ms ${queue} of ${lane.issuer} could have come and were left waiting`;
    const by = `the next by up to ${Math.round(unexplainedMs(look, slowestRate))} ms with ${freeSlots(look)} free slots`;
    ledger.violate(6, `${late}, ${by}; the lane: ${JSON.stringify({ ...look, inFlight: look.inFlight.length })}`);
  }
}
