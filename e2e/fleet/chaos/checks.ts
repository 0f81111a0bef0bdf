// Checks after a round's faults: whether the view is correct again, and every volume is scheduled.
import { setTimeout as sleep } from 'node:timers/promises';
import { renewalId, renewalOf } from '../../../apps/renewal-controller/src/dispatch/renewal-job.ts';
import type { AgentVolume } from './agents/messages.ts';
import { iso, renewalKey, volumeKey } from './ledger.ts';
import { issuers, lanePolicy } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';
import type { Replica, ShownVolume } from './world/replica.ts';

/** From the end of the last fault until every replica shows the agents' state. */
const convergeLimitMs = 10_000;
/** The run keeps checking for this long, to report the delay. */
const patienceMs = 30_000;
const lookMs = 500;

/** Waits until every replica shows the agents' state. @returns the time this took, in milliseconds */
export async function untilViewsAreTrue(world: ChaosWorld, healedMs: number): Promise<number> {
  for (;;) {
    const differences = await differencesOfAll(world);
    const texts = differences.map(({ text }) => text);
    const tookMs = Date.now() - healedMs;
    // A reconnection involves several processes one after the other.
    const lateMs = 2 * world.lateness.since(healedMs);
    if (differences.length === 0) {
      if (tookMs > convergeLimitMs + lateMs) world.ledger.violate(5, `the views were correct only after ${tookMs} ms`);
      return tookMs;
    }
    if (tookMs > patienceMs + lateMs) {
      const [first] = differences;
      const stored = first?.volume === undefined ? '' : await storedText(world, first.volume);
      const some = `${texts.slice(0, 8).join('; ')}; ${differences.length} in total`;
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
async function storedText(
  { redis }: ChaosWorld,
  { node, volumeId }: Pick<AgentVolume, 'node' | 'volumeId'>,
): Promise<string> {
  try {
    const volume = String(await redis.run('HGET', `{certfleet}:volumes:${node}`, volumeId)).slice(0, 300);
    const session = `${String(await redis.run('HGET', '{certfleet}:sessions', node))} ${String(await redis.run('HGET', '{certfleet}:nodes', node))}`;
    return `; Redis has for the first ${volume}, session ${session}`;
  } catch (thrown) {
    return `; Redis does not respond: ${String(thrown)}`;
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
    return `no response: ${String(thrown)}`;
  }
}

interface Truth {
  readonly before: ReadonlyMap<string, AgentVolume>;
  readonly after: ReadonlyMap<string, AgentVolume>;
}

/** The state may change while a view is read: every generation between the two reads is correct. */
function differences(
  view: readonly ShownVolume[],
  { before, after }: Truth,
  hostile: ReadonlySet<string>,
): Difference[] {
  const found: Difference[] = [];
  const shown = new Map(view.filter(({ node }) => !hostile.has(node)).map((volume) => [volumeKey(volume), volume]));
  for (const [key, volume] of shown) {
    const [first, last] = [before.get(key) ?? after.get(key), after.get(key) ?? before.get(key)];
    if (first === undefined || last === undefined) found.push({ volume, text: `${key} is shown, but no agent has it` });
    // Reports are delayed: an issuance of the last second may not be shown yet.
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

const scheduleLimitMs = 5_000;

/** Each volume has a job for its next renewal, or one in the queue of its node. */
export async function everythingIsScheduled(world: ChaosWorld): Promise<void> {
  const startedMs = Date.now();
  for (;;) {
    const jobs = await scheduledJobs(world);
    const missing = [...world.ledger.volumes.values()].filter(
      (volume) => !jobs.has(renewalId(volume)) && Date.now() - volume.issuedAtMs > 2_000,
    );
    if (missing.length === 0) return;
    if (Date.now() - startedMs > scheduleLimitMs + world.lateness.since(startedMs)) {
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
/** A renewal that a fault delayed may coincide with one that was early. */
const transitMs = 3_000;

/** Checks the round's renewals by job: no lane exceeded its rate, according to the agents' issuances. */
export function lanesKeptToTheirRate(world: ChaosWorld, calmFromMs: number): void {
  const { ledger } = world;
  // What a late process delays can meet what comes after it.
  const lateMs = world.lateness.since(calmFromMs);
  for (const issuer of issuers) {
    const starts = ledger.issuances
      .filter((each) => each.cause === 'job' && each.issuer === issuer && each.startedMs >= calmFromMs)
      .map(({ startedMs }) => startedMs)
      .sort((a, b) => a - b);
    // One more: a window that begins with a start contains a start at either end.
    const allowed =
      1 +
      lanePolicy.burst +
      lanePolicy.maxInFlight +
      Math.ceil((world.fastestRate * (rateWindowMs + transitMs + lateMs)) / 1_000);
    for (let from = 0, to = 0; to < starts.length; to += 1) {
      while ((starts[to] ?? 0) - (starts[from] ?? 0) > rateWindowMs) from += 1;
      if (to - from + 1 <= allowed) continue;
      ledger.violate(
        8,
        `${issuer} started ${to - from + 1} renewals in ${rateWindowMs} ms at ${iso(starts[to] ?? 0)}, allowed are ${allowed}`,
      );
      break;
    }
  }
}
