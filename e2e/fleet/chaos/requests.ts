// Checks that every accepted request is carried out, whatever the faults have ended or emptied meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { iso } from './ledger.ts';
import type { BulkAction } from './ledger.ts';
import type { ChaosWorld } from './world/chaos-world.ts';

/** The result of a renewal that others have made superfluous is compared with the reports every ten seconds. */
const doneLimitMs = 30_000;
const lookMs = 500;

/**
 * Call it after everything was renewed: nothing is left to do for the requests of the round.
 * @returns the number of requests
 */
export async function noRequestIsLost({ ledger, lateness, operator }: ChaosWorld): Promise<number> {
  const accepted = ledger.bulks.filter(({ id, isCancelSent, isDone }) => id !== undefined && !isCancelSent && !isDone);
  const startedMs = Date.now();
  for (const bulk of accepted) {
    for (;;) {
      const problem = await openPart(bulk, { ledger, operator });
      bulk.isDone = problem === undefined;
      if (bulk.isDone) break;
      if (Date.now() - startedMs > doneLimitMs + lateness.since(startedMs)) {
        ledger.violate(
          6,
          `the renewal ${bulk.id ?? ''} that was requested at ${iso(bulk.sentMs)} is not done: ${problem}`,
        );
        bulk.isDone = true;
        break;
      }
      await sleep(lookMs);
    }
  }
  return accepted.length;
}

/** What is left of a request; undefined if nothing is. Hostile nodes may never answer. */
async function openPart(
  { id = '' }: BulkAction,
  { ledger, operator }: Pick<ChaosWorld, 'ledger' | 'operator'>,
): Promise<string | undefined> {
  const shown = await operator.pending(id);
  if (typeof shown === 'string') return shown;
  // A fault has prevented the resume.
  if (shown.state === 'suspended') await operator.resumeBulk(id);
  const honest = shown.volumes.filter(({ node }) => !ledger.hostile.has(node));
  if (shown.pending === 0 || (honest.length === 0 && shown.volumes.length > 0)) return undefined;
  return JSON.stringify({ ...shown, volumes: honest.slice(0, 3) });
}
