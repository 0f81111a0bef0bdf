import type { BulkRenewal } from '../dispatch/bulk-renewal.ts';
import { describeSelection } from '../fleet-index/query/volume-selection.ts';
import type { IndexState } from '../fleet-index/index-state.ts';
import { latestFailures } from './measure-targets.ts';
import type { TargetMeasurement } from './measure-targets.ts';
import { kubernetesUser } from './reconciler-parts.ts';
import type { RenewalMemory, RenewalReconcilerParts } from './reconciler-parts.ts';
import { bulkIdOf, isApproved, isAwaitingApproval, isInForce, stopsAt } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { toSelectionRequest } from './renewal-selection.ts';
import { countsOf, doneText, phases, statusOf } from './renewal-status.ts';
import type { RenewalCounts } from './renewal-status.ts';
import { workLeft } from './renewal-work-left.ts';
import type { Outside, WorkLeft } from './renewal-work-left.ts';
import { writeStatus } from './write-status.ts';

/** Interval between comparisons with all reports; shorter while nodes have not reported or volumes fail. */
const measureMs = 60_000;
const measureSoonMs = 5_000;
/** The same while the renewal does not progress. */
const measureStillMs = 15_000;
/** Interval between two writes of the status while a renewal runs. */
const writeMs = 2_000;
/** Without progress for this long, the job of the bulk renewal is added again. */
const stalledMs = 5 * 60_000;
/** Targets whose nodes have not reported for this long after a loss of Redis count as gone. */
const unreportedLimitMs = 24 * 3_600_000;
const maxFailures = 20;

/**
 * Makes Redis carry out what is left of an accepted Renewal, and stores its progress. Every step can be repeated, from
 * any replica: which volumes are left follows from the object's targets and the reports of the nodes. Until the approval,
 * the bulk renewal in Redis contains only the canary.
 */
export async function carryOutRenewal(
  parts: RenewalReconcilerParts,
  memory: RenewalMemory,
  object: RenewalObject,
): Promise<void> {
  const { bulks, clock } = parts;
  if (isAwaitingApproval(object) && !memory.isDoubtful && clock.monotonic() - memory.measuredAtMs < measureMs) return;
  const known = await bulks.find(bulkIdOf(object));
  const isDoubtful = memory.isDoubtful || known === undefined;
  if (known !== undefined && mustStop(object, known)) {
    await stop(parts, object, known);
    return;
  }
  if (!isDoubtful && !mustMeasure(parts, memory, { object, bulk: known })) {
    const counts = countsFrom(object, known, memory.outside);
    await noteProgress(parts, memory, { object, bulk: known, counts });
    return;
  }
  const index = await parts.readIndex();
  const left = await measure(parts, object, index);
  const isStill = isNotProgressing(parts, memory);
  Object.assign(memory, { measuredAtMs: clock.monotonic(), outside: left });
  if (isCanaryFinished(object, left, known)) {
    memory.isDoubtful = false;
    await awaitApproval(parts, object, countsFrom(object, known, left, left.measured));
    return;
  }
  const bulk = await ensureBulk(parts, object, { known, left, isDoubtful, isStill });
  if (bulk === undefined) return;
  memory.isDoubtful = false;
  const counts = countsFrom(object, bulk, left, left.measured);
  if (counts.pending === 0) await complete(parts, object, counts, index);
  else await noteProgress(parts, memory, { object, bulk, counts, left });
}

interface Progress {
  readonly object: RenewalObject;
  readonly bulk: BulkRenewal;
  readonly counts: RenewalCounts;
  readonly left?: WorkLeft;
}

function mustMeasure(
  { clock }: RenewalReconcilerParts,
  { measuredAtMs, progressAtMs, outside }: RenewalMemory,
  { object, bulk }: Pick<Progress, 'object' | 'bulk'>,
): boolean {
  const elapsedMs = clock.monotonic() - measuredAtMs;
  const isJustApproved = outside.held > 0 && isApproved(object);
  if (bulk.pending === 0 || isJustApproved || elapsedMs >= measureMs) return true;
  if (isNotProgressing({ clock }, { progressAtMs }) && elapsedMs >= measureStillMs) return true;
  const { pending = 0, failures = 0 } = object.status ?? {};
  const isUnclear = pending - outside.held > bulk.pending || failures !== bulk.failures;
  return isUnclear && elapsedMs >= measureSoonMs;
}

function isNotProgressing(
  { clock }: Pick<RenewalReconcilerParts, 'clock'>,
  { progressAtMs }: Pick<RenewalMemory, 'progressAtMs'>,
): boolean {
  return clock.monotonic() - progressAtMs >= measureStillMs;
}

async function measure({ view }: RenewalReconcilerParts, object: RenewalObject, index: IndexState): Promise<WorkLeft> {
  const isGivenUp = index.ageMs >= unreportedLimitMs;
  const isComplete = (node: string): boolean => isGivenUp || index.isComplete(node);
  return await workLeft(object, (node) => view().volumesOf(node), isComplete);
}

/** Redis counts the failures; it has cancelled the bulk renewal at the same number. */
function mustStop(object: RenewalObject, bulk: BulkRenewal): boolean {
  return bulk.failures >= (stopsAt(object) ?? Infinity);
}

async function stop(parts: RenewalReconcilerParts, object: RenewalObject, bulk: BulkRenewal): Promise<void> {
  const limit = stopsAt(object) ?? 0;
  const left = await measure(parts, object, await parts.readIndex());
  const counts = countsFrom(object, bulk, left, left.measured);
  const failures = latestFailures(left.wanted, maxFailures);
  const { canaryPending } = left;
  const phase = phases.stopped(object.status ?? {}, counts, { limit, failures, canaryPending });
  const stored = await writeStatus(parts, object, statusOf(object, phase, parts.clock.now()));
  if (stored === undefined) return;
  const message = `${counts.failures} failed attempts; no renewal starts until it is resumed`;
  parts.recordEvent(stored, { type: 'Warning', reason: 'Stopped', message });
  parts.logger.warn({ renewal: object.metadata.name, ...counts }, 'renewal stopped after failures');
  await parts.announce(['renewals']);
}

/** Whether nothing is left of the canary, though other volumes are left. */
function isCanaryFinished(object: RenewalObject, left: WorkLeft, known: BulkRenewal | undefined): boolean {
  return !isApproved(object) && left.canaryPending === 0 && left.held > 0 && (known?.pending ?? 0) === 0;
}

async function awaitApproval(
  parts: RenewalReconcilerParts,
  object: RenewalObject,
  counts: RenewalCounts,
): Promise<void> {
  const phase = phases.awaitingApproval(object.status ?? {}, counts);
  const stored = await writeStatus(parts, object, statusOf(object, phase, parts.clock.now()));
  if (stored === undefined) return;
  await parts.announce(['renewals']);
  if (object.status?.state === 'AwaitingApproval') return;
  const message = `${doneText(counts)}; ${counts.pending} wait for an approval`;
  parts.recordEvent(stored, { type: 'Normal', reason: 'AwaitingApproval', message });
  parts.logger.info({ renewal: object.metadata.name, ...counts }, 'canary finished, waiting for an approval');
}

/** @returns the bulk renewal with every pending target; undefined if it must not run */
async function ensureBulk(
  parts: RenewalReconcilerParts,
  object: RenewalObject,
  { known, left, isDoubtful, isStill }: Known,
): Promise<BulkRenewal | undefined> {
  const { bulks, logger } = parts;
  const id = bulkIdOf(object);
  if (known === undefined && !(await create(parts, object, left))) return undefined;
  const added = await bulks.add(id, object.spec.ignoreWindows === true, left.wanted);
  const bulk = await bulks.find(id);
  if (bulk === undefined || bulk.state === 'cancelled') return undefined;
  // Redis waits for renewals that the reports show as done.
  const isBehind = isStill && bulk.pending > left.wanted.length + left.unreported;
  if (bulk.state === 'starting' || isBehind || (isDoubtful && bulk.pending > 0)) await bulks.schedule(id);
  if (added > 0) logger.info({ renewal: object.metadata.name, bulk: id, volumes: added }, 'renewal begun');
  return bulk;
}

interface Known {
  readonly known: BulkRenewal | undefined;
  readonly left: WorkLeft;
  readonly isDoubtful: boolean;
  readonly isStill: boolean;
}

/** Creates the record in Redis, which never existed or was lost. */
async function create(parts: RenewalReconcilerParts, object: RenewalObject, left: WorkLeft): Promise<boolean> {
  const { store, bulks } = parts;
  const { metadata, spec } = object;
  // The cache may not know yet that the object was suspended, stopped or deleted, and Redis may have lost that.
  const fresh = await store.get('Renewal', metadata.name).catch(undefinedIfGone);
  if (fresh === undefined || bulkIdOf(fresh) !== bulkIdOf(object) || !isInForce(fresh)) return false;
  const { total, renewed, failures } = countsFrom(object, undefined, left, left.measured);
  const stopsAtFailures = stopsAt(object);
  const state = await bulks.ensure({
    ...{ id: bulkIdOf(object), name: metadata.name, total, renewed, failures },
    by: spec.requester ?? kubernetesUser,
    reason: spec.reason,
    ...(spec.ignoreWindows === true && { ignoreWindows: true }),
    selection: selectionText(object),
    createdAtMs: Date.parse(metadata.creationTimestamp),
    ...(stopsAtFailures !== undefined && { stopsAt: stopsAtFailures }),
  });
  if (state === 'created') await noteBegin(parts, object, { pending: left.measured.pending.length, renewed, total });
  return state !== 'cancelled';
}

/** Notes that a renewal continues: after a suspension, or after Redis had lost it. */
async function noteBegin(
  { recordEvent, audit, apiActions, logger }: RenewalReconcilerParts,
  object: RenewalObject,
  counts: { readonly pending: number; readonly renewed: number; readonly total: number },
): Promise<void> {
  const { metadata, spec, status = {} } = object;
  const text = `${counts.pending} volumes are left; ${counts.renewed} of ${counts.total} are renewed`;
  if (status.state === 'Suspended' || status.state === 'Stopped') {
    recordEvent(object, { type: 'Normal', reason: 'Resumed', message: text });
    if (await apiActions.isNoted(metadata.uid, 'resume')) return;
    const action = { who: kubernetesUser, action: 'resume', target: `renewal ${metadata.name}` } as const;
    await audit.write({ ...action, reason: spec.reason, detail: text });
  } else if (status.pending !== undefined && status.pending < counts.total) {
    recordEvent(object, { type: 'Normal', reason: 'BegunAgain', message: `Redis lost the renewal: ${text}` });
    logger.info({ renewal: metadata.name, ...counts }, 'renewal begun again');
  }
}

function countsFrom(
  { status = {} }: RenewalObject,
  bulk: CountsInRedis = nothingKnown,
  { held, unreported }: Outside,
  measured: Pick<TargetMeasurement, 'pending' | 'renewed'> = notMeasured,
): RenewalCounts {
  const { total = 0, renewed = 0, failures = 0 } = status;
  return countsOf({
    total,
    pending: Math.max(bulk.pending + held, measured.pending.length),
    unreported,
    renewed: [renewed, bulk.renewed, measured.renewed],
    failures: [failures, bulk.failures],
  });
}

type CountsInRedis = Pick<BulkRenewal, 'pending' | 'renewed' | 'failures'>;

const nothingKnown: CountsInRedis = { pending: 0, renewed: 0, failures: 0 };
const notMeasured = { pending: [], renewed: 0 };

async function noteProgress(
  parts: RenewalReconcilerParts,
  memory: RenewalMemory,
  { object, bulk, counts, left }: Progress,
): Promise<void> {
  const { clock, bulks } = parts;
  const nowMs = clock.monotonic();
  const progress = `${counts.pending} ${counts.failures}`;
  if (progress !== memory.progress) Object.assign(memory, { progress, progressAtMs: nowMs });
  else if (nowMs - memory.progressAtMs >= stalledMs) {
    memory.progressAtMs = nowMs;
    await bulks.schedule(bulk.id);
  }
  if (nowMs - memory.writtenAtMs < writeMs) return;
  const { outside } = memory;
  const details = {
    unreportedNodes: left?.measured.unreportedNodes ?? [],
    held: outside.held,
    failures: left && latestFailures(left.wanted, maxFailures),
    canaryPending: isApproved(object) ? undefined : Math.max(0, counts.pending - outside.held),
  };
  const phase = phases.running(object.status ?? {}, counts, details);
  const stored = await writeStatus(parts, object, statusOf(object, phase, clock.now()));
  memory.writtenAtMs = nowMs;
  if (stored !== undefined) await parts.announce(['renewals']);
}

async function complete(
  parts: RenewalReconcilerParts,
  object: RenewalObject,
  counts: RenewalCounts,
  { nowMs }: IndexState,
): Promise<void> {
  const phase = phases.complete(object.status ?? {}, counts, nowMs);
  const stored = await writeStatus(parts, object, statusOf(object, phase, nowMs));
  if (stored === undefined) return;
  parts.recordEvent(object, { type: 'Normal', reason: 'Completed', message: doneText(counts) });
  parts.logger.info({ renewal: object.metadata.name, ...counts }, 'renewal completed');
  await parts.announce(['renewals']);
}

export function selectionText({ spec }: RenewalObject): string {
  const { issuedBefore, ...selection } = toSelectionRequest(spec.selection);
  return describeSelection({
    ...selection,
    ...(issuedBefore !== undefined && { issuedBeforeMs: Date.parse(issuedBefore) }),
  });
}

function undefinedIfGone(thrown: unknown): undefined {
  if ((thrown as { readonly code?: unknown }).code === 'not-found') return undefined;
  throw thrown;
}
