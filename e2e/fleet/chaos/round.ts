import { setTimeout as sleep } from 'node:timers/promises';
import { everythingIsScheduled, lanesKeptToTheirRate, untilViewsAreTrue } from './checks.ts';
import { crowdLane } from './crowd.ts';
import { faults } from './faults.ts';
import type { FaultKind } from './faults.ts';
import { LaneWatch } from './lane-watch.ts';
import { everythingMoves } from './moves.ts';
import type { PlannedFault, RoundPlan } from './plan.ts';
import { noRequestIsLost } from './requests.ts';
import { usualRate } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';

export interface RoundResult {
  readonly round: number;
  /** The executed faults in order. */
  readonly schedule: readonly string[];
  /** The faults that were carried out, without those that failed. */
  readonly carriedOut: readonly FaultKind[];
  /** From the end of the last fault until every view was correct. */
  readonly convergedMs: number;
  /** The time to renew everything. */
  readonly everythingMs: number;
}

/** Runs the faults of a plan, repairs everything and checks the invariants. */
export async function runRound(world: ChaosWorld, plan: RoundPlan, say: (line: string) => void): Promise<RoundResult> {
  const startedMs = Date.now();
  const schedule: string[] = [];
  const carriedOut: FaultKind[] = [];
  const note = (line: string): void => {
    schedule.push(`${((Date.now() - startedMs) / 1_000).toFixed(1)} s ${line}`);
    world.log.add('chaos', line);
  };
  await world.setBehaviours(plan.hostile);
  note(`hostile nodes: ${plan.hostile.join(', ')}`);
  const carry = carrier(world, note);
  const carryAndCount = async (fault: PlannedFault): Promise<void> => {
    if (await carry(fault)) carriedOut.push(fault.kind);
  };
  await Promise.all([...plan.faults.map(carryAndCount), sleep(plan.faultMs)]);
  world.writePolicies(usualRate);
  await world.heal();
  const healedMs = Date.now();
  note('every fault ended');
  const convergedMs = await untilViewsAreTrue(world, healedMs);
  await world.operator.resumeAll();
  say(`round ${plan.round}: views correct after ${convergedMs} ms`);
  const calmMs = Date.now();
  const watch = new LaneWatch(world);
  const crowd = await crowdLane(world, plan.crowdedIssuer);
  const summary = `${crowd.waiting} renewals of ${crowd.issuer} wait when it recovers, the last for ${crowd.lastInMs} ms`;
  note(summary);
  say(`round ${plan.round}: ${summary}`);
  const everythingMs = await everythingMoves(world, watch, crowd.requests);
  await watch.end();
  const requests = await noRequestIsLost(world);
  say(`round ${plan.round}: ${requests} requests carried out`);
  await everythingIsScheduled(world);
  await Promise.all(world.watching.splice(0));
  lanesKeptToTheirRate(world, calmMs);
  const lateMs = Math.round(world.lateness.since(calmMs));
  say(`round ${plan.round}: the machine was ${lateMs} ms late in ${Date.now() - calmMs} ms without faults`);
  say(
    `round ${plan.round}: everything renewed in ${everythingMs} ms, ${world.ledger.violations.length} violations so far`,
  );
  return { round: plan.round, schedule, carriedOut, convergedMs, everythingMs };
}

/** Runs faults at their times; one whose target is still in use waits for it. */
function carrier(world: ChaosWorld, note: (line: string) => void): (fault: PlannedFault) => Promise<boolean> {
  const busy = new Map<string, Promise<boolean>>();
  return async (fault) => {
    await sleep(fault.atMs);
    const met = `${faults[fault.kind].resource}-${fault.index}`;
    const turn = (busy.get(met) ?? Promise.resolve()).then(() => carryOut(world, fault, note));
    busy.set(met, turn);
    return await turn;
  };
}

/** @returns whether it was carried out to its end */
async function carryOut(world: ChaosWorld, fault: PlannedFault, note: (line: string) => void): Promise<boolean> {
  const description = `${fault.kind} ${faults[fault.kind].resource}-${fault.index} (${fault.detail.toFixed(3)})`;
  try {
    note(`${description} for ${fault.durationMs} ms`);
    const heal = await faults[fault.kind].inject(world, fault);
    await sleep(fault.durationMs);
    await heal();
    note(`${description} ended`);
    return true;
  } catch (thrown) {
    // For example a pause that no replica could accept: the final repair covers it.
    note(`${description} failed: ${String(thrown)}`);
    return false;
  }
}
