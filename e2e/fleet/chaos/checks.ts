// What is looked at when a round's faults have ended: whether the view is the truth again, and whether everything moves.
import { setTimeout as sleep } from 'node:timers/promises';
import { renewalId, renewalOf } from '../../../apps/renewal-controller/src/dispatch/renewal-job.ts';
import type { AgentVolume } from './agents/messages.ts';
import { nodeQueuePrefix } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import { iso, renewalKey, volumeKey } from './ledger.ts';
import { issuers, lanePolicy, usualRate } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';
import type { Replica, ShownVolume } from './world/replica.ts';

/** From the end of the last fault until every replica shows what the agents hold. */
const convergeLimitMs = 10_000;
/** The run goes on looking for so long, to say how late it was. */
const patienceMs = 30_000;
const lookMs = 500;

/** Waits until every replica shows what the agents hold. @returns how long it took, in milliseconds */
export async function untilViewsAreTrue(world: ChaosWorld, healedMs: number): Promise<number> {
  for (;;) {
    const differences = await differencesOfAll(world);
    const words = differences.map(({ text }) => text);
    const tookMs = Date.now() - healedMs;
    if (differences.length === 0) {
      if (tookMs > convergeLimitMs) world.ledger.violate(5, `the views were true only after ${tookMs} ms`);
      return tookMs;
    }
    if (tookMs > patienceMs) {
      const [first] = differences;
      const stored = first?.volume === undefined ? '' : await storedWords(world, first.volume);
      const some = `${words.slice(0, 8).join('; ')}; ${differences.length} in all`;
      world.ledger.violate(5, `${tookMs} ms after the last fault: ${some}${stored}`);
      return tookMs;
    }
    await sleep(lookMs);
  }
}

interface Difference {
  readonly volume?: Pick<AgentVolume, 'node' | 'volumeId'>;
  readonly text: string;
}

/** Whether the index or the replica's view of it is wrong. */
async function storedWords(
  { redis }: ChaosWorld,
  { node, volumeId }: Pick<AgentVolume, 'node' | 'volumeId'>,
): Promise<string> {
  try {
    const volume = String(await redis.run('HGET', `{certfleet}:volumes:${node}`, volumeId)).slice(0, 300);
    const session = `${String(await redis.run('HGET', '{certfleet}:sessions', node))} ${String(await redis.run('HGET', '{certfleet}:nodes', node))}`;
    return `; Redis has of the first ${volume}, session ${session}`;
  } catch (thrown) {
    return `; Redis does not say: ${String(thrown)}`;
  }
}

async function differencesOfAll(world: ChaosWorld): Promise<readonly Difference[]> {
  const before = byKey(await world.states());
  const views = await Promise.all(world.replicas.map((replica) => viewOf(replica)));
  const after = byKey(await world.states());
  return views.flatMap((view, r) =>
    (typeof view === 'string' ? [{ text: view }] : differences(view, { before, after }, world.ledger.hostile)).map(
      (difference) => ({ ...difference, text: `replica-${r}: ${difference.text}` }),
    ),
  );
}

async function viewOf(replica: Replica): Promise<readonly ShownVolume[] | string> {
  try {
    if (!(await replica.isReady())) return 'not ready';
    return await replica.view();
  } catch (thrown) {
    return `no answer: ${String(thrown)}`;
  }
}

interface Truth {
  readonly before: ReadonlyMap<string, AgentVolume>;
  readonly after: ReadonlyMap<string, AgentVolume>;
}

/** The truth may move on while a view is read: every generation between the two looks is right. */
function differences(
  view: readonly ShownVolume[],
  { before, after }: Truth,
  hostile: ReadonlySet<string>,
): Difference[] {
  const found: Difference[] = [];
  const shown = new Map(view.filter(({ node }) => !hostile.has(node)).map((volume) => [volumeKey(volume), volume]));
  for (const [key, volume] of shown) {
    const [first, last] = [before.get(key) ?? after.get(key), after.get(key) ?? before.get(key)];
    if (first === undefined || last === undefined) found.push({ volume, text: `${key} is shown, and no agent has it` });
    // A report takes a moment: what was issued within the last second may not be shown yet.
    else if (volume.generation > last.generation || volume.generation < first.generation - issuedJustNow(first))
      found.push({
        volume,
        text: `${key} is shown at generation ${volume.generation}, the agent is at ${first.generation}`,
      });
    else if (!volume.issuer.endsWith(`/${last.issuer}`))
      found.push({ volume, text: `${key} is shown with issuer ${volume.issuer}` });
  }
  for (const [key, volume] of after)
    if (!shown.has(key) && before.has(key)) found.push({ volume, text: `${key} is not shown` });
  return found;
}

function issuedJustNow({ issuedAtMs }: AgentVolume): number {
  return Date.now() - issuedAtMs < 2_500 ? 1 : 0;
}

function byKey(volumes: readonly AgentVolume[]): ReadonlyMap<string, AgentVolume> {
  return new Map(volumes.map((volume) => [volumeKey(volume), volume]));
}

interface LaneNow {
  readonly key: string;
  readonly pace: number;
  readonly failureStreak?: number;
  readonly backoffUntil?: string;
  readonly policy: { readonly ratePerSecond: number };
}

/**
 * How long a lane may take to renew so many, in milliseconds: its rate, the way back to its full rate after failures
 * (a quarter of a halving with each success), what is left of its back-off, and one answer's timeout for slots of
 * renewals whose answers were lost.
 */
function explainedMs(count: number, { pace, backoffUntil, policy }: Omit<LaneNow, 'key'>): number {
  const intervalMs = 1_000 / Math.max(0.001, policy.ratePerSecond || 1_000);
  const halvings = Math.log2(1 / pace);
  let totalMs = 0;
  for (let i = 0; i < count; i += 1) totalMs += intervalMs * 2 ** Math.max(0, halvings - i / 4);
  const restMs = backoffUntil === undefined ? 0 : Math.max(0, Date.parse(backoffUntil) - Date.now());
  return totalMs + restMs + lanePolicy.answerTimeoutMs;
}

/** From an issuance until the views show it. */
const reportMs = 3_000;
/** Scheduling, queues, reports and the machine's own lateness, for a whole lane. */
const slackMs = 8_000;

/** Has everything renewed, and sees that no volume waits longer for it than its lane explains. */
export async function everythingMoves(world: ChaosWorld): Promise<number> {
  const { ledger, operator } = world;
  const startedMs = Date.now();
  const lanes = await lanesNow(world);
  // What was renewed a moment ago may be selected by the generation before, and that is answered already.
  const known = [...ledger.volumes].filter(([, { issuedAtMs }]) => startedMs - issuedAtMs > reportMs);
  const wanted = new Map(known.map(([key, { generation, issuer }]) => [key, { generation, issuer }]));
  await operator.startBulk();
  // What a hostile node may take of a lane: half of it.
  const share = isSlowedDown(world) ? 2 : 1;
  const limits = new Map<string, number>(
    issuers.map((issuer) => {
      const count = [...wanted.values()].filter((volume) => volume.issuer === issuer).length;
      const lane = lanes.find(({ key }) => key.endsWith(`/${issuer}`));
      return [issuer, share * explainedMs(count, lane ?? { pace: 1, policy: { ratePerSecond: usualRate } }) + slackMs];
    }),
  );
  for (;;) {
    const tookMs = Date.now() - startedMs;
    for (const [key, { generation }] of wanted) {
      const now = ledger.volumes.get(key);
      if (now === undefined || now.generation > generation) wanted.delete(key);
    }
    for (const [issuer, limitMs] of limits) {
      if (tookMs <= limitMs) continue;
      const late = [...wanted].filter(([, volume]) => volume.issuer === issuer).map(([key]) => key);
      if (late.length > 0) await reportLate(world, { issuer, late, startedMs, limitMs });
      for (const key of late) wanted.delete(key);
    }
    if (wanted.size === 0) return tookMs;
    await sleep(lookMs);
  }
}

interface LateVolumes {
  readonly issuer: string;
  readonly late: readonly string[];
  readonly startedMs: number;
  readonly limitMs: number;
}

/** Whether a hostile node says what would slow down the lanes of all. */
function isSlowedDown({ manners }: ChaosWorld): boolean {
  return manners.some((each) => each === 'invented-failures' || each === 'never-answers');
}

/** A lane that is slow for a hostile node's sake breaks another promise than one that is slow without it. */
async function reportLate(world: ChaosWorld, { issuer, late, startedMs, limitMs }: LateVolumes): Promise<void> {
  const lane = (await lanesNow(world)).find(({ key }) => key.endsWith(`/${issuer}`));
  const [first] = late.flatMap((key) => world.ledger.volumes.get(key) ?? []);
  const where = first === undefined ? '' : await whereIs(world, first);
  const asked = `asked for at ${iso(startedMs)}, not renewed after ${Math.round(limitMs)} ms`;
  const some = `${late.length} volumes of ${issuer}, such as ${late.slice(0, 3).join(', ')}`;
  const state = `the lane: ${JSON.stringify({ ...lane, policy: undefined, byState: undefined })}`;
  const isHostile = isSlowedDown(world) && (lane?.failureStreak ?? 0) > 0;
  world.ledger.violate(isHostile ? 4 : 6, `${some}: ${asked}; the first is ${where}; ${state}`);
}

/** In which lists of Redis the job of a volume is. */
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

async function lanesNow(world: ChaosWorld): Promise<readonly LaneNow[]> {
  const answer = await world.api('GET', 'lanes?limit=200').catch(() => undefined);
  return (answer?.body['lanes'] ?? []) as readonly LaneNow[];
}

const scheduleLimitMs = 5_000;

/** Each volume has a job that stands for its next renewal, or one that was handed to its node. */
export async function everythingIsScheduled(world: ChaosWorld): Promise<void> {
  const startedMs = Date.now();
  for (;;) {
    const jobs = await scheduledJobs(world);
    const missing = [...world.ledger.volumes.values()].filter(
      (volume) => !jobs.has(renewalId(volume)) && Date.now() - volume.issuedAtMs > 2_000,
    );
    if (missing.length === 0) return;
    if (Date.now() - startedMs > scheduleLimitMs) {
      const some = missing.slice(0, 5).map((volume) => `${renewalKey(volume)} of ${volume.issuer}`);
      world.ledger.violate(6, `${missing.length} volumes have no job: ${some.join(', ')}`);
      return;
    }
    await sleep(lookMs);
  }
}

async function scheduledJobs({ redis }: ChaosWorld): Promise<ReadonlySet<string>> {
  const due = '{certfleet}:due';
  const lists = await Promise.all([
    ...['delayed', 'prioritized'].map((list) => redis.run('ZRANGE', `${due}:${list}`, '0', '-1')),
    ...['wait', 'active'].map((list) => redis.run('LRANGE', `${due}:${list}`, '0', '-1')),
  ]);
  const lanes = (await redis.run('KEYS', '{certfleet}:lane:*:inflight')) as readonly string[];
  const inFlight = await Promise.all(lanes.map((lane) => redis.run('ZRANGE', lane, '0', '-1')));
  return new Set([...lists, ...inFlight].flatMap((ids) => (ids as readonly string[]).map(renewalOf)));
}

const rateWindowMs = 5_000;
/** What came late because of a fault meets what came early. */
const transitMs = 3_000;

/** Looks at the round's renewals by job: no lane went beyond its rate, as far as the agents' issuances tell. */
export function lanesKeptToTheirRate(world: ChaosWorld, calmFromMs: number): void {
  const { ledger } = world;
  for (const issuer of issuers) {
    const starts = ledger.issuances
      .filter((each) => each.cause === 'job' && each.issuer === issuer && each.startedMs >= calmFromMs)
      .map(({ startedMs }) => startedMs)
      .sort((a, b) => a - b);
    const allowed =
      lanePolicy.burst + lanePolicy.maxInFlight + Math.ceil((usualRate * (rateWindowMs + transitMs)) / 1_000);
    for (let from = 0, to = 0; to < starts.length; to += 1) {
      while ((starts[to] ?? 0) - (starts[from] ?? 0) > rateWindowMs) from += 1;
      if (to - from + 1 <= allowed) continue;
      ledger.violate(
        8,
        `${issuer} started ${to - from + 1} renewals in ${rateWindowMs} ms at ${iso(starts[to] ?? 0)}, at most ${allowed} explain`,
      );
      break;
    }
  }
}
