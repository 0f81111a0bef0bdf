import { measureTargets } from './measure-targets.ts';
import { kubernetesUser } from './reconciler-parts.ts';
import type { RenewalMemory, RenewalReconcilerParts } from './reconciler-parts.ts';
import { bulkIdPrefix } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { countsOf, phases, statusOf } from './renewal-status.ts';
import type { RenewalCounts } from './renewal-status.ts';
import { RenewalTargets } from './renewal-targets.ts';
import { cancelBulks } from './withdraw-renewals.ts';
import { writeStatus } from './write-status.ts';

const measureMs = 10_000;

/** Starts nothing more for a Renewal, and recalls what no agent has begun. Renewals in progress are still counted. */
export async function suspendRenewal(
  parts: RenewalReconcilerParts,
  memory: RenewalMemory,
  object: RenewalObject,
): Promise<void> {
  const { bulks, clock, audit, recordEvent } = parts;
  const { name, generation } = object.metadata;
  const isDone = memory.suspendedGeneration === generation && !memory.isDoubtful;
  if (isDone && clock.monotonic() - memory.measuredAtMs < measureMs) return;
  const known = await bulks.list();
  const wasRunning = isDone ? false : await cancelBulks(parts, object, known);
  const renewed = known
    .filter(({ id }) => id.startsWith(bulkIdPrefix(object.metadata.uid)))
    .map((bulk) => bulk.renewed);
  const counts = await countsNow(parts, object, renewed);
  const stored = await writeStatus(
    parts,
    object,
    statusOf(object, phases.suspended(object.status ?? {}, counts), clock.now()),
  );
  Object.assign(memory, { suspendedGeneration: generation, measuredAtMs: clock.monotonic(), isDoubtful: false });
  if (stored !== undefined) await parts.announce(['renewals']);
  if (!wasRunning) return;
  recordEvent(object, { type: 'Normal', reason: 'Suspended', message: 'no renewal starts until the resume' });
  if (await parts.apiActions.isNoted(object.metadata.uid, 'suspend')) return;
  await audit.write({
    who: kubernetesUser,
    action: 'suspend',
    target: `renewal ${name}`,
    reason: object.spec.reason,
  });
}

async function countsNow(
  { readIndex, view }: RenewalReconcilerParts,
  { status = {} }: RenewalObject,
  renewedInRedis: readonly number[],
): Promise<RenewalCounts | undefined> {
  const { targets, total = 0, renewed = 0, failures = 0 } = status;
  if (targets === undefined) return undefined;
  const { isComplete } = await readIndex();
  const measured = await measureTargets(RenewalTargets.parse(targets), (node) => view().volumesOf(node), isComplete);
  return countsOf({
    total,
    pending: measured.pending.length,
    unreported: measured.unreported,
    renewed: [renewed, measured.renewed, ...renewedInRedis],
    failures: [failures],
  });
}
