import { kubernetesUser } from './reconciler-parts.ts';
import type { RenewalMemory, RenewalReconcilerParts } from './reconciler-parts.ts';
import { bulkIdOf, bulkIdPrefix, stopsAt } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { countsOf, phases, statusOf } from './renewal-status.ts';
import type { Phase, RenewalCounts } from './renewal-status.ts';
import { workLeft } from './renewal-work-left.ts';
import { cancelBulks } from './withdraw-renewals.ts';
import { writeStatus } from './write-status.ts';

const measureMs = 10_000;

/** Starts nothing more for a Renewal that is suspended or stopped, and recalls what no agent has begun. Renewals in progress are still counted. */
export async function suspendRenewal(
  parts: RenewalReconcilerParts,
  memory: RenewalMemory,
  object: RenewalObject,
): Promise<void> {
  const { bulks, clock, audit, recordEvent } = parts;
  const { name } = object.metadata;
  const withdrawn = bulkIdOf(object);
  const isDone = memory.withdrawn === withdrawn && !memory.isDoubtful;
  if (isDone && clock.monotonic() - memory.measuredAtMs < measureMs) return;
  const inRedis = await bulks.list();
  const wasRunning = isDone ? false : await cancelBulks(parts, object, inRedis);
  const renewed = inRedis
    .filter(({ id }) => id.startsWith(bulkIdPrefix(object.metadata.uid)))
    .map((bulk) => bulk.renewed);
  const known = await leftNow(parts, object, renewed);
  const stored = await writeStatus(parts, object, statusOf(object, phaseOf(object, known), clock.now()));
  Object.assign(memory, { withdrawn, measuredAtMs: clock.monotonic(), isDoubtful: false });
  if (stored !== undefined) await parts.announce(['renewals']);
  // The stop has an Event of its own.
  if (!wasRunning || object.spec.suspend !== true) return;
  recordEvent(object, { type: 'Normal', reason: 'Suspended', message: 'no renewal starts until the resume' });
  if (await parts.apiActions.isNoted(object.metadata.uid, 'suspend')) return;
  await audit.write({
    who: kubernetesUser,
    action: 'suspend',
    target: `renewal ${name}`,
    reason: object.spec.reason,
  });
}

interface Left {
  readonly counts: RenewalCounts;
  readonly canaryPending: number;
}

function phaseOf(object: RenewalObject, left: Left | undefined): Phase {
  const { spec, status = {} } = object;
  if (spec.suspend === true || left === undefined) return phases.suspended(status, left?.counts);
  const limit = stopsAt(object) ?? 0;
  return phases.stopped(status, left.counts, { limit, canaryPending: left.canaryPending });
}

async function leftNow(
  { readIndex, view }: RenewalReconcilerParts,
  object: RenewalObject,
  renewedInRedis: readonly number[],
): Promise<Left | undefined> {
  const { targets, total = 0, renewed = 0, failures = 0 } = object.status ?? {};
  if (targets === undefined) return undefined;
  const { isComplete } = await readIndex();
  const { measured, canaryPending } = await workLeft(object, (node) => view().volumesOf(node), isComplete);
  const counts = countsOf({
    total,
    pending: measured.pending.length,
    unreported: measured.unreported,
    renewed: [renewed, measured.renewed, ...renewedInRedis],
    failures: [failures],
  });
  return { counts, canaryPending };
}
