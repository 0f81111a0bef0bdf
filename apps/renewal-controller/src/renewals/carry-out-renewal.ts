import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { BulkRenewal } from '../dispatch/bulk-renewal.ts';
import { describeSelection } from '../fleet-index/query/volume-selection.ts';
import type { IndexState } from '../fleet-index/index-state.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { latestFailures, measureTargets } from './measure-targets.ts';
import type { TargetMeasurement } from './measure-targets.ts';
import { kubernetesUser } from './reconciler-parts.ts';
import type { RenewalMemory, RenewalReconcilerParts } from './reconciler-parts.ts';
import { bulkIdOf } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { toSelectionRequest } from './renewal-selection.ts';
import { countsOf, doneText, phases, statusOf } from './renewal-status.ts';
import type { RenewalCounts } from './renewal-status.ts';
import { RenewalTargets } from './renewal-targets.ts';
import { writeStatus } from './write-status.ts';

/** Interval between comparisons with all reports; shorter while nodes have not reported or volumes fail. */
const measureMs = 60_000;
const measureSoonMs = 5_000;
/** Interval between two writes of the status while a renewal runs. */
const writeMs = 2_000;
/** Without progress for this long, the job of the bulk renewal is added again. */
const stalledMs = 5 * 60_000;
/** Targets whose nodes have not reported for this long after a loss of Redis count as gone. */
const unreportedLimitMs = 24 * 3_600_000;
const maxFailures = 20;

/**
 * Makes Redis carry out what is left of an accepted Renewal, and stores its progress. Every step can be repeated, from
 * any replica: which volumes are left follows from the object's targets and the reports of the nodes.
 */
export async function carryOutRenewal(
  parts: RenewalReconcilerParts,
  memory: RenewalMemory,
  object: RenewalObject,
): Promise<void> {
  const { bulks, clock } = parts;
  const known = await bulks.find(bulkIdOf(object));
  const isDoubtful = memory.isDoubtful || known === undefined;
  if (!isDoubtful && !mustMeasure(parts, memory, { object, bulk: known })) {
    await noteProgress(parts, memory, { object, bulk: known, counts: countsFrom(object, known) });
    return;
  }
  const index = await parts.readIndex();
  const measured = await measure(parts, object, index);
  memory.measuredAtMs = clock.monotonic();
  const bulk = await ensureBulk(parts, object, { known, measured, isDoubtful });
  if (bulk === undefined) return;
  memory.isDoubtful = false;
  const counts = countsFrom(object, bulk, measured);
  if (counts.pending === 0) await complete(parts, object, counts, index);
  else await noteProgress(parts, memory, { object, bulk, counts, measured });
}

interface Progress {
  readonly object: RenewalObject;
  readonly bulk: BulkRenewal;
  readonly counts: RenewalCounts;
  readonly measured?: TargetMeasurement;
}

function mustMeasure(
  { clock }: RenewalReconcilerParts,
  { measuredAtMs }: RenewalMemory,
  { object, bulk }: Pick<Progress, 'object' | 'bulk'>,
): boolean {
  const elapsedMs = clock.monotonic() - measuredAtMs;
  if (bulk.pending === 0 || elapsedMs >= measureMs) return true;
  const { pending = 0, failures = 0 } = object.status ?? {};
  const isUnclear = pending > bulk.pending || failures !== bulk.failures;
  return isUnclear && elapsedMs >= measureSoonMs;
}

async function measure(
  { view }: RenewalReconcilerParts,
  object: RenewalObject,
  index: IndexState,
): Promise<TargetMeasurement> {
  const { status } = object;
  const targets = RenewalTargets.parse(status?.targets ?? []);
  const count = [...targets.nodes()].reduce((sum, [, ofNode]) => sum + ofNode, 0);
  if (count !== status?.total) throw incompleteTargets(object, count);
  const isGivenUp = index.ageMs >= unreportedLimitMs;
  const isComplete = (node: string): boolean => isGivenUp || index.isComplete(node);
  return await measureTargets(targets, (node) => view().volumesOf(node), isComplete);
}

/** Nothing is known about the missing ones, so nothing may be started or counted as done. */
function incompleteTargets({ metadata, status }: RenewalObject, count: number): CertfleetError {
  const text = `renewal ${metadata.name}: expected ${status?.total} targets in its status, found ${count}`;
  const help = 'apply the CustomResourceDefinition of this release, delete the object and request the renewal again';
  return new CertfleetError('failed-precondition', `${text}; ${help}`);
}

/** @returns the bulk renewal with every pending target; undefined if it must not run */
async function ensureBulk(
  parts: RenewalReconcilerParts,
  object: RenewalObject,
  { known, measured, isDoubtful }: Known,
): Promise<BulkRenewal | undefined> {
  const { bulks, logger } = parts;
  const id = bulkIdOf(object);
  if (known === undefined && !(await create(parts, object, measured))) return undefined;
  const added = await bulks.add(id, object.spec.ignoreWindows === true, measured.pending);
  const bulk = await bulks.find(id);
  if (bulk === undefined || bulk.state === 'cancelled') return undefined;
  if (bulk.state === 'starting' || (isDoubtful && bulk.pending > 0)) await bulks.schedule(id);
  if (added > 0) logger.info({ renewal: object.metadata.name, bulk: id, volumes: added }, 'renewal begun');
  return bulk;
}

interface Known {
  readonly known: BulkRenewal | undefined;
  readonly measured: TargetMeasurement;
  readonly isDoubtful: boolean;
}

/** Creates the record in Redis, which never existed or was lost. */
async function create(
  parts: RenewalReconcilerParts,
  object: RenewalObject,
  measured: TargetMeasurement,
): Promise<boolean> {
  const { store, bulks } = parts;
  const { metadata, spec } = object;
  // The cache may not know yet that the object was suspended or deleted, and Redis may have lost that.
  const fresh = await store.get('Renewal', metadata.name).catch(undefinedIfGone);
  if (fresh === undefined || bulkIdOf(fresh) !== bulkIdOf(object) || fresh.metadata.deletionTimestamp !== undefined)
    return false;
  const { total, renewed, failures } = countsFrom(object, undefined, measured);
  const state = await bulks.ensure({
    ...{ id: bulkIdOf(object), name: metadata.name, total, renewed, failures },
    by: spec.requester ?? kubernetesUser,
    reason: spec.reason,
    ...(spec.ignoreWindows === true && { ignoreWindows: true }),
    selection: selectionText(object),
    createdAtMs: Date.parse(metadata.creationTimestamp),
  });
  if (state === 'created') await noteBegin(parts, object, { pending: measured.pending.length, renewed, total });
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
  if (status.state === 'Suspended') {
    recordEvent(object, { type: 'Normal', reason: 'Resumed', message: text });
    if (await apiActions.isNoted(metadata.uid, 'resume')) return;
    const action = { who: kubernetesUser, action: 'resume', target: `renewal ${metadata.name}` } as const;
    await audit.write({ ...action, reason: spec.reason, detail: text });
  } else if (status.pending !== undefined && status.pending < counts.total) {
    recordEvent(object, { type: 'Normal', reason: 'BegunAgain', message: `redis lost the renewal: ${text}` });
    logger.info({ renewal: metadata.name, ...counts }, 'renewal begun again');
  }
}

function countsFrom(
  { status = {} }: RenewalObject,
  bulk: CountsInRedis = nothingKnown,
  measured: TargetMeasurement = notMeasured,
): RenewalCounts {
  const { total = 0, renewed = 0, failures = 0 } = status;
  return countsOf({
    total,
    pending: Math.max(bulk.pending, measured.pending.length),
    unreported: measured.unreported,
    renewed: [renewed, bulk.renewed, measured.renewed],
    failures: [failures, bulk.failures],
  });
}

type CountsInRedis = Pick<BulkRenewal, 'pending' | 'renewed' | 'failures'>;

const nothingKnown: CountsInRedis = { pending: 0, renewed: 0, failures: 0 };
const notMeasured: TargetMeasurement = {
  ...{ pending: [], renewed: 0, renewedSince: 0 },
  ...{ unreported: 0, unreportedNodes: [] },
};

async function noteProgress(
  parts: RenewalReconcilerParts,
  memory: RenewalMemory,
  { object, bulk, counts, measured }: Progress,
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
  const failing: readonly IndexedVolume[] | undefined = measured && latestFailures(measured.pending, maxFailures);
  const details = { unreportedNodes: measured?.unreportedNodes ?? [], ...(failing && { failures: failing }) };
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
