// Checks progress without faults: requests complete within the time that their lane explains, and are reported as
// complete.
import { setTimeout as sleep } from 'node:timers/promises';
import { renewalId, renewalOf } from '../../../apps/renewal-controller/src/dispatch/renewal-job.ts';
import { nodeQueuePrefix } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import type { AgentVolume } from './agents/messages.ts';
import { lookAtLanes } from './lane-watch.ts';
import type { LaneLook, LaneWatch } from './lane-watch.ts';
import { iso, volumeKey } from './ledger.ts';
import type { RequestedRenewal } from './operator.ts';
import { issuers, lanePolicy } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';

const lookMs = 500;
/** From an issuance until the views show it. */
const reportMs = 3_000;
/** Scheduling, queues and reports, for a whole lane. */
const slackMs = 5_000;

/**
 * How long a lane takes for so many renewals, in milliseconds: each success removes a quarter of a halving from its
 * rate.
 */
function paceMs(count: number, ratePerSecond: number, halvings: number): number {
  let totalMs = 0;
  for (let i = 0; i < count; i += 1) totalMs += (1_000 / ratePerSecond) * 2 ** Math.max(0, halvings - i / 4);
  return totalMs;
}

/** The open renewals of one request. */
interface Wanted {
  readonly request: RequestedRenewal;
  /** By the volumes' keys. */
  readonly volumes: Map<string, AgentVolume>;
  /**
   * Renewals that were in the queues of nodes before: if a fault lost the result, they repeat after the answer timeout.
   */
  readonly handedOver: ReadonlySet<string>;
  readonly counts: ReadonlyMap<string, number>;
}

/** Requests all renewals and checks that no volume waits longer than its lane explains. @returns the time this took */
export async function everythingMoves(
  world: ChaosWorld,
  watch: LaneWatch,
  earlier: readonly RequestedRenewal[],
): Promise<number> {
  const { ledger, operator } = world;
  const requests = await operator.renew([...ledger.volumes.values()]);
  const startedMs = requests[0]?.acceptedMs ?? Date.now();
  const looks = await lookAtLanes(world).catch(() => []);
  const all = requests.map((request) => wantedOf(request, looks));
  while (all.some(({ volumes }) => volumes.size > 0)) {
    for (const wanted of all) {
      dropRenewed(world, wanted);
      for (const issuer of issuers) await dropLate(world, watch, { wanted, issuer });
    }
    await sleep(lookMs);
  }
  const tookMs = Date.now() - startedMs;
  for (const request of [...earlier, ...requests]) await isToldDone(world, request);
  return tookMs;
}

function wantedOf(request: RequestedRenewal, looks: readonly LaneLook[]): Wanted {
  // A recent renewal may be selected by its previous generation, which is already answered.
  const known = request.volumes.filter(({ issuedAtMs }) => request.sentMs - issuedAtMs > reportMs);
  return {
    request,
    volumes: new Map(known.map((volume) => [volumeKey(volume), volume])),
    handedOver: new Set(looks.flatMap(({ inFlight }) => inFlight).map(renewalOf)),
    counts: new Map(
      issuers.map((issuer) => [issuer, request.volumes.filter((volume) => volume.issuer === issuer).length]),
    ),
  };
}

function dropRenewed({ ledger }: ChaosWorld, { volumes }: Wanted): void {
  for (const [key, { generation }] of volumes) {
    const now = ledger.volumes.get(key);
    if (now === undefined || now.generation > generation) volumes.delete(key);
  }
}

interface LaneWanted {
  readonly wanted: Wanted;
  readonly issuer: string;
}

/** Records violations for renewals that are later than their lane explains. */
async function dropLate(world: ChaosWorld, watch: LaneWatch, { wanted, issuer }: LaneWanted): Promise<void> {
  const { acceptedMs } = wanted.request;
  const limitMs = explainedMs(world, watch, { wanted, issuer });
  const overMs = Date.now() - acceptedMs - limitMs;
  if (overMs <= 0) return;
  const late = [...wanted.volumes].filter(
    ([, volume]) =>
      volume.issuer === issuer && (overMs > lanePolicy.answerTimeoutMs || !wanted.handedOver.has(renewalId(volume))),
  );
  if (late.length === 0) return;
  await reportLate(world, { issuer, late: late.map(([key]) => key), acceptedMs, limitMs });
  for (const [key] of late) wanted.volumes.delete(key);
}

/** The lane's observed rate and back-off, and the machine's delay. */
function explainedMs(world: ChaosWorld, watch: LaneWatch, { wanted, issuer }: LaneWanted): number {
  const { acceptedMs } = wanted.request;
  // The share of a lane that a hostile node may take: half.
  const share = isSlowedDown(world) ? 2 : 1;
  const count = wanted.counts.get(issuer) ?? 0;
  const workMs = share * paceMs(count, world.slowestRate, watch.paceDivisorLog2(issuer, acceptedMs));
  return workMs + watch.heldMs(issuer, acceptedMs) + slackMs + world.lateness.since(acceptedMs);
}

/** Checks that the API counts everything as renewed. */
async function isToldDone({ ledger, lateness, operator }: ChaosWorld, request: RequestedRenewal): Promise<void> {
  const { id, volumes } = request;
  const startedMs = Date.now();
  for (;;) {
    const shown = await operator.renewal(id);
    const renewal = `the renewal of ${volumes.length} volumes that was accepted at ${iso(request.acceptedMs)}`;
    if (typeof shown !== 'string' && shown.pending === 0 && shown.state === 'finished') {
      const shownText = `${renewal} is shown as ${JSON.stringify(shown)}`;
      if (shown.total !== volumes.length) ledger.violate(5, shownText);
      const hasLeft = volumes.some((volume) => !ledger.volumes.has(volumeKey(volume)));
      if (!hasLeft && shown.gone > 0) ledger.violate(6, `${shownText}, but no volume was removed`);
      return;
    }
    if (Date.now() - startedMs > reportMs + slackMs + lateness.since(startedMs)) {
      ledger.violate(6, `${renewal} is not shown as done: ${JSON.stringify(shown)}`);
      return;
    }
    await sleep(lookMs);
  }
}

interface LateVolumes {
  readonly issuer: string;
  readonly late: readonly string[];
  readonly acceptedMs: number;
  readonly limitMs: number;
}

/** Whether a hostile node reports data that might slow down all lanes. */
function isSlowedDown({ behaviours }: ChaosWorld): boolean {
  return behaviours.some((each) => each === 'invented-failures' || each === 'never-answers');
}

/** A slow lane with a hostile node breaks another invariant than one without. */
async function reportLate(world: ChaosWorld, { issuer, late, acceptedMs, limitMs }: LateVolumes): Promise<void> {
  const looks = await lookAtLanes(world).catch(() => []);
  const lane = looks[(issuers as readonly string[]).indexOf(issuer)];
  const [first] = late.flatMap((key) => world.ledger.volumes.get(key) ?? []);
  const where = first === undefined ? '' : await whereIs(world, first);
  const asked = `requested at ${iso(acceptedMs)}, not renewed after ${Math.round(limitMs)} ms`;
  const some = `${late.length} volumes of ${issuer}, such as ${late.slice(0, 3).join(', ')}`;
  const isHostile = isSlowedDown(world) && (lane?.streak ?? 0) > 0;
  const text = `${some}: ${asked}; the first is ${where}; the lane: ${JSON.stringify(lane)}`;
  world.ledger.violate(isHostile ? 4 : 6, text);
}

/** The Redis lists that contain the job of a volume. */
async function whereIs({ redis }: ChaosWorld, volume: AgentVolume): Promise<string> {
  const found: string[] = [];
  const nodeQueue = `${nodeQueuePrefix('certfleet', volume.node)}:renewals`;
  const keys = (await redis.run('KEYS', '{certfleet}:lane:*:*')) as readonly string[];
  const lists = ['delayed', 'prioritized', 'wait', 'active'].flatMap((list) => [
    `{certfleet}:due:${list}`,
    `${nodeQueue}:${list}`,
  ]);
  for (const key of [...keys, ...lists]) {
    const type = await redis.run('TYPE', key);
    if (type !== 'zset' && type !== 'list') continue;
    const ids = (await redis.run(type === 'zset' ? 'ZRANGE' : 'LRANGE', key, '0', '-1')) as readonly string[];
    const job = ids.find((id) => renewalOf(id) === renewalId(volume));
    if (job === undefined) continue;
    found.push(type === 'zset' ? `${key} (${job} at ${String(await redis.run('ZSCORE', key, job))})` : key);
    if (key === '{certfleet}:due:delayed') found.push(String(await redis.run('HGETALL', `{certfleet}:due:${job}`)));
  }
  return `generation ${volume.generation}, in ${found.join(' and ') || 'no list'}`;
}
