import { setTimeout as sleep } from 'node:timers/promises';
import { lookAtLanes } from './lane-watch.ts';
import { itemAt } from './random.ts';
import { issuers } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';
import type { RequestedRenewal } from './operator.ts';

/** How long an issuer is away for, at most; a slower lane than wanted would only make the round longer. */
const maxMs = 12_000;
const lookMs = 100;
/** The lane has slowed down by so many halvings, and gave slots that its full pace does not explain. */
const halvings = 3;
const farMs = 15_000;

/** What waited in a lane when its issuer came back. */
export interface Crowd {
  readonly issuer: string;
  readonly waiting: number;
  /** Until the last slot, in milliseconds. */
  readonly lastInMs: number;
  readonly requests: readonly RequestedRenewal[];
}

/**
 * Takes an issuer away without any other fault, and has its volumes renewed: many are told long waits while the lane is slow,
 * and must come up when it is not. @returns when the issuer is back
 */
export async function crowdLane(world: ChaosWorld, index: number): Promise<Crowd> {
  const issuer = itemAt(issuers, index);
  await world.setIssuerAway(index, true);
  const volumes = [...world.ledger.volumes.values()].filter((volume) => volume.issuer === issuer);
  const requests = await world.operator.renew(volumes);
  const startedMs = Date.now();
  let crowd = { issuer, waiting: 0, lastInMs: 0, requests };
  while (Date.now() - startedMs < maxMs) {
    const looks = await lookAtLanes(world).catch(() => []);
    const look = looks[index];
    if (look !== undefined) {
      crowd = { ...crowd, waiting: look.waiting, lastInMs: Math.max(0, look.lastSlot - look.now) };
      if (look.throttle >= halvings && look.waiting >= volumes.length / 3 && crowd.lastInMs > farMs) break;
    }
    await sleep(lookMs);
  }
  await world.setIssuerAway(index, false);
  return crowd;
}
