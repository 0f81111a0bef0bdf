import { setTimeout as sleep } from 'node:timers/promises';
import { everythingIsScheduled, lanesKeptToTheirRate, untilViewsAreTrue } from './checks.ts';
import { crowdLane } from './crowd.ts';
import { faults } from './faults.ts';
import { LaneWatch } from './lane-watch.ts';
import { everythingMoves } from './moves.ts';
import type { PlannedFault, RoundPlan } from './plan.ts';
import { usualRate } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';

/** What a round came to. */
export interface RoundResult {
  readonly round: number;
  /** Each fault as it was carried out, in order. */
  readonly schedule: readonly string[];
  /** From the end of the last fault until every view was true. */
  readonly convergedMs: number;
  /** How long it took to renew everything. */
  readonly everythingMs: number;
}

/** Runs the faults of a plan, heals everything and checks what must hold then. */
export async function runRound(world: ChaosWorld, plan: RoundPlan, say: (line: string) => void): Promise<RoundResult> {
  const startedMs = Date.now();
  const schedule: string[] = [];
  const note = (line: string): void => {
    schedule.push(`${((Date.now() - startedMs) / 1_000).toFixed(1)} s ${line}`);
    world.log.add('chaos', line);
  };
  await world.setBehaviours(plan.hostile);
  note(`hostile nodes: ${plan.hostile.join(', ')}`);
  const carryOut = carrier(world, note);
  await Promise.all([...plan.faults.map(carryOut), sleep(plan.faultMs)]);
  world.writePolicies(usualRate);
  await world.heal();
  const healedMs = Date.now();
  note('every fault ended');
  const convergedMs = await untilViewsAreTrue(world, healedMs);
  await world.operator.resumeAll();
  say(`round ${plan.round}: views true after ${convergedMs} ms`);
  const calmMs = Date.now();
  const watch = new LaneWatch(world);
  const crowd = await crowdLane(world, plan.crowdedIssuer);
  const told = `${crowd.waiting} renewals of ${crowd.issuer} wait when it is back, the last for ${crowd.lastInMs} ms`;
  note(told);
  say(`round ${plan.round}: ${told}`);
  const everythingMs = await everythingMoves(world, watch, crowd.requests);
  await watch.end();
  await everythingIsScheduled(world);
  await Promise.all(world.watching.splice(0));
  lanesKeptToTheirRate(world, calmMs);
  const lateMs = Math.round(world.lateness.since(calmMs));
  say(`round ${plan.round}: the machine was ${lateMs} ms late in ${Date.now() - calmMs} ms without faults`);
  say(
    `round ${plan.round}: everything renewed in ${everythingMs} ms, ${world.ledger.violations.length} violations so far`,
  );
  return { round: plan.round, schedule, convergedMs, everythingMs };
}

/** Carries faults out at their times; one that meets what another has not let go of yet comes after it. */
function carrier(world: ChaosWorld, note: (line: string) => void): (fault: PlannedFault) => Promise<void> {
  const busy = new Map<string, Promise<void>>();
  return async (fault) => {
    await sleep(fault.atMs);
    const met = `${faults[fault.kind].resource}-${fault.index}`;
    const turn = (busy.get(met) ?? Promise.resolve()).then(() => carryOut(world, fault, note));
    busy.set(met, turn);
    await turn;
  };
}

async function carryOut(world: ChaosWorld, fault: PlannedFault, note: (line: string) => void): Promise<void> {
  const words = `${fault.kind} ${faults[fault.kind].resource}-${fault.index} (${fault.detail.toFixed(3)})`;
  try {
    note(`${words} for ${fault.durationMs} ms`);
    const heal = await faults[fault.kind].inject(world, fault);
    await sleep(fault.durationMs);
    await heal();
    note(`${words} ended`);
  } catch (thrown) {
    // Such as a pause that no replica could take: what it was about is healed at the end.
    note(`${words} not carried out: ${String(thrown)}`);
  }
}
