// The run itself, as the first process of its own process and network namespaces: whatever ends it ends all of its
// processes, and takes its addresses and packet filters with it.
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { inspect, promisify } from 'node:util';
import type { ChaosOptions, ChaosSummary } from './chaos-options.ts';
import type { FaultKind } from './faults.ts';
import { faultKinds } from './faults.ts';
import { invariants, iso } from './ledger.ts';
import type { Violation } from './ledger.ts';
import { planRound } from './plan.ts';
import type { RoundPlan } from './plan.ts';
import { Random } from './random.ts';
import { runRound } from './round.ts';
import type { RoundResult } from './round.ts';
import { ChaosWorld, issuers } from './world/chaos-world.ts';
import { canShiftClocks } from './world/replica.ts';

/** What the parent sends first. */
export interface InsideOrder extends Required<Omit<ChaosOptions, 'say'>> {
  readonly directory: string;
}

/** What the parent hears. */
export type InsideMessage =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'summary'; readonly summary: ChaosSummary }
  | { readonly kind: 'broken'; readonly error: string };

const tell = (message: InsideMessage): void => void process.send?.(message);
const say = (line: string): void => tell({ kind: 'line', line });

/** Of a round, without faults: healing, checks, and renewing everything. */
const checksMs = 50_000;
const maxFaultsMs = 100_000;
const hosts = 2;

async function run(order: InsideOrder): Promise<ChaosSummary> {
  const { seed, minutes, agents, replicas, directory } = order;
  const startedMs = Date.now();
  const endMs = startedMs + minutes * 60_000;
  await promisify(execFile)('ip', ['link', 'set', 'lo', 'up']);
  if (!canShiftClocks) say('libfaketime is not installed: clocks of replicas stay right');
  const world = new ChaosWorld({ directory, agents, replicas, random: new Random(seed, 'world') });
  const looking = setInterval(() => world.ledger.look(Date.now()), 1_000);
  const results: RoundResult[] = [];
  const plans: RoundPlan[] = [];
  try {
    await world.start();
    say(`seed ${seed}: ${agents} agents with ${world.ledger.volumes.size} volumes, ${replicas} replicas`);
    await untilEnrolled(world);
    for (let round = order.round; round === order.round || endMs - Date.now() > checksMs + 20_000; round += 1) {
      const faultMs = Math.max(20_000, Math.min(maxFaultsMs, endMs - Date.now() - checksMs));
      const plan = planRound(seed, round, faultMs, { replicas, hosts, issuers: issuers.length });
      plans.push(plan);
      results.push(await runRound(world, plan, say));
    }
    return summaryOf(world, { order, plans, results, startedMs });
  } catch (thrown) {
    throw new Error(world.log.last(linesAround).join('\n'), { cause: thrown });
  } finally {
    clearInterval(looking);
    if (order.logFile !== '') writeFileSync(order.logFile, `${world.log.last(Infinity).join('\n')}\n`);
    await world.stop();
  }
}

const enrolLimitMs = 60_000;

/** Without faults everything must be known; a run on a machine that cannot even do that says nothing. */
async function untilEnrolled(world: ChaosWorld): Promise<void> {
  const startedMs = Date.now();
  for (;;) {
    const views = await Promise.all(world.replicas.map((replica) => replica.view().catch(() => [])));
    const honest = views.map((view) => view.filter(({ node }) => !world.ledger.hostile.has(node)).length);
    if (honest.every((count) => count === world.ledger.volumes.size)) break;
    if (Date.now() - startedMs > enrolLimitMs)
      throw new Error(`expected all volumes to be known, found ${honest.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  say(`every volume known after ${Date.now() - startedMs} ms`);
}

interface Ran {
  readonly order: InsideOrder;
  readonly plans: readonly RoundPlan[];
  readonly results: readonly RoundResult[];
  readonly startedMs: number;
}

function summaryOf(world: ChaosWorld, ran: Ran): ChaosSummary {
  const { ledger } = world;
  const all = ran.plans.flatMap(({ faults }) => faults);
  const byKind: Partial<Record<FaultKind, number>> = {};
  for (const kind of faultKinds) byKind[kind] = all.filter((fault) => fault.kind === kind).length;
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
  const { seed, agents, replicas, minutes } = order;
  const command = `node_modules/.bin/node e2e/fleet/chaos/main.ts --minutes ${minutes} --seed ${seed} --agents ${agents} --replicas ${replicas}`;
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
    `logged around the first:`,
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
  // Without its parent nobody wants to know; as the first process of its namespace it takes all others with it.
  process.once('disconnect', end);
  run(order)
    .then(
      (summary) => tell({ kind: 'summary', summary }),
      (thrown: unknown) => tell({ kind: 'broken', error: inspect(thrown) }),
    )
    .finally(() => process.disconnect());
});
