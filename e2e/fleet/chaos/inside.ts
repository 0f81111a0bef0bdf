// The run itself, as the first process of its own process and network namespaces: its exit ends all of its processes
// and removes its addresses and packet filters.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { inspect, promisify } from 'node:util';
import type { ChaosOptions, ChaosSummary } from './chaos-options.ts';
import type { FaultKind } from './faults.ts';
import { faultKinds } from './faults.ts';
import { invariants, iso } from './ledger.ts';
import type { Violation } from './ledger.ts';
import { planRound } from './plan.ts';
import { Random } from '../../support/random.ts';
import { runRound } from './round.ts';
import type { RoundResult } from './round.ts';
import { ChaosWorld, issuers } from './world/chaos-world.ts';
import { canShiftClocks } from './world/replica.ts';

/** The first message of the parent. */
export interface InsideOrder extends Required<Omit<ChaosOptions, 'say'>> {
  readonly directory: string;
}

/** The messages to the parent. */
export type InsideMessage =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'summary'; readonly summary: ChaosSummary }
  | { readonly kind: 'broken'; readonly error: string };

const tell = (message: InsideMessage): void => void process.send?.(message);
const say = (line: string): void => tell({ kind: 'line', line });

/** The part of a round without faults: repair, checks, and renewing everything. */
const checksMs = 50_000;
const maxFaultsMs = 100_000;
/** The part of a run until every volume is known. */
const enrolMs = 5_000;
const hosts = 2;

async function run(order: InsideOrder): Promise<ChaosSummary> {
  const { seed, minutes, agents, volumesPerNode, replicas, directory, logFile } = order;
  const startedMs = Date.now();
  await promisify(execFile)('ip', ['link', 'set', 'lo', 'up']);
  if (!canShiftClocks) say('libfaketime is not installed: the clocks of replicas are not shifted');
  const world = new ChaosWorld({
    ...{ directory, agents, volumesPerNode, replicas, logFile },
    random: new Random(seed, 'world'),
  });
  let reported = 0;
  const looking = setInterval(() => {
    world.ledger.look(Date.now());
    for (const violation of world.ledger.violations.slice(reported)) say(violationLine(violation));
    reported = world.ledger.violations.length;
  }, 1_000);
  const results: RoundResult[] = [];
  try {
    await world.start();
    say(`seed ${seed}: ${agents} agents with ${world.ledger.volumes.size} volumes, ${replicas} replicas`);
    await untilEnrolled(world);
    // Counted from here, so that a round's plan does not depend on the machine's start time.
    const endMs = Date.now() + minutes * 60_000 - enrolMs;
    let faultMs = minutes * 60_000 - enrolMs - checksMs;
    for (let round = order.round; round === order.round || endMs - Date.now() > checksMs + 20_000; round += 1) {
      faultMs = Math.max(20_000, Math.min(maxFaultsMs, faultMs));
      const size = { faultMs, ...(order.faultsPerRound > 0 && { count: order.faultsPerRound }) };
      const plan = planRound(seed, round, size, { replicas, hosts, issuers: issuers.length });
      results.push(await runRound(world, plan, say));
      faultMs = endMs - Date.now() - checksMs;
    }
    return summaryOf(world, { order, results, startedMs });
  } catch (thrown) {
    throw new Error(world.log.last(linesAround).join('\n'), { cause: thrown });
  } finally {
    clearInterval(looking);
    await world.stop();
  }
}

const enrolLimitMs = 60_000;

/** Without faults everything must be known; otherwise the run has no meaning. */
async function untilEnrolled(world: ChaosWorld): Promise<void> {
  const startedMs = Date.now();
  for (;;) {
    const views = await Promise.all(world.replicas.map((replica) => replica.view().catch(() => [])));
    const honest = views.map((view) => view.filter(({ node }) => !world.ledger.hostile.has(node)).length);
    if (honest.every((count) => count === world.ledger.volumes.size)) break;
    if (Date.now() - startedMs > enrolLimitMs + world.lateness.since(startedMs))
      throw new Error(`volumes missing in the controller's view: ${honest.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  say(`every volume known after ${Date.now() - startedMs} ms`);
}

interface Ran {
  readonly order: InsideOrder;
  readonly results: readonly RoundResult[];
  readonly startedMs: number;
}

function summaryOf(world: ChaosWorld, ran: Ran): ChaosSummary {
  const { ledger } = world;
  const all = ran.results.flatMap(({ carriedOut }) => carriedOut);
  const counts = faultKinds.map((kind) => [kind, all.filter((each) => each === kind).length]);
  const byKind = Object.fromEntries(counts) as Record<FaultKind, number>;
  const byJob = ledger.issuances.filter(({ cause }) => cause === 'job').length;
  return {
    seed: ran.order.seed,
    seconds: Math.round((Date.now() - ran.startedMs) / 1_000),
    rounds: ran.results.length,
    faults: all.length,
    faultsByKind: byKind,
    volumes: ledger.volumes.size,
    issuances: { byJob, byDeadline: ledger.issuances.length - byJob },
    failedIssuances: ledger.failures,
    redisLosses: ledger.losses.length,
    maxConvergenceMs: Math.max(0, ...ran.results.map(({ convergedMs }) => convergedMs)),
    violations: ledger.violations,
    report: ledger.violations.length === 0 ? '' : reportOf(world, ran),
  };
}

const linesAround = 60;

function reportOf(world: ChaosWorld, { order, results }: Ran): string {
  const { seed, agents, volumesPerNode, faultsPerRound, replicas, minutes } = order;
  const sizes = `--agents ${agents} --volumes-per-node ${volumesPerNode} --replicas ${replicas}`;
  const run = `--minutes ${minutes} --seed ${seed} --faults-per-round ${faultsPerRound}`;
  const command = `node_modules/.bin/node e2e/fleet/chaos/main.ts ${run} ${sizes}`;
  const schedules = results.flatMap(({ round, schedule }) => [
    `round ${round}:`,
    ...schedule.map((line) => `  ${line}`),
  ]);
  const [first] = world.ledger.violations;
  const firstMs = first?.atMs ?? 0;
  return [
    `repeat with: ${command}`,
    ...schedules,
    ...world.ledger.violations.map(violationLine),
    `log lines around the first:`,
    ...world.log.between(0, firstMs + 1_000).slice(-linesAround),
  ].join('\n');
}

function violationLine({ invariant, atMs, text }: Violation): string {
  return `VIOLATION of ${invariant} (${invariants[invariant]}) at ${iso(atMs)}: ${text}`;
}

process.once('message', (order: InsideOrder) => {
  const end = (): never => {
    rmSync(order.directory, { recursive: true, force: true });
    process.exit(0);
  };
  // It ends with its parent; as the first process of its namespace it ends all others.
  process.once('disconnect', end);
  run(order)
    .then(
      (summary) => tell({ kind: 'summary', summary }),
      (thrown: unknown) => tell({ kind: 'broken', error: inspect(thrown) }),
    )
    .finally(() => process.disconnect?.());
});
