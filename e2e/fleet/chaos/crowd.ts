import { setTimeout as sleep } from 'node:timers/promises';
import { lookAtLanes } from './lane-watch.ts';
import { itemAt } from '../../support/random.ts';
import { issuers } from './world/chaos-world.ts';
import type { ChaosWorld } from './world/chaos-world.ts';
import type { RequestedRenewal } from './operator.ts';

/** The maximum outage of an issuer; a slower lane would only make the round longer. */
const maxMs = 12_000;
const lookMs = 100;
/** The required slowdown of the lane, in halvings: it then has slots that its full rate does not explain. */
const halvings = 3;
const farMs = 15_000;

/** The renewals that waited in a lane when its issuer recovered. */
export interface Crowd {
  readonly issuer: string;
  readonly waiting: number;
  /** Until the last slot, in milliseconds. */
  readonly lastInMs: number;
  readonly requests: readonly RequestedRenewal[];
}

/**
 * Fails an issuer without other faults and requests renewals of its volumes: many get long waits while the lane is
 * slow, and must be advanced when it recovers. @returns when the issuer has recovered
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
      if (look.paceDivisorLog2 >= halvings && look.waiting >= volumes.length / 3 && crowd.lastInMs > farMs) break;
    }
    await sleep(lookMs);
  }
  await world.setIssuerAway(index, false);
  return crowd;
}
