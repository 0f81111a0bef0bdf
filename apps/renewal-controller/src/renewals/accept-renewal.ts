import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { previewOf } from '../dispatch/bulk-renewals.ts';
import type { SelectedVolumes } from '../dispatch/bulk-renewals.ts';
import type { IndexState } from '../fleet-index/index-state.ts';
import { describeSelection } from '../fleet-index/query/volume-selection.ts';
import { targetFields } from './canary.ts';
import { kubernetesUser } from './reconciler-parts.ts';
import type { RenewalReconcilerParts } from './reconciler-parts.ts';
import { isFinished } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { toSelectionRequest } from './renewal-selection.ts';
import { countsOf, phases, selectionFields, statusOf } from './renewal-status.ts';
import type { Phase } from './renewal-status.ts';
import { maxTargets } from './renewal-targets.ts';
import { writeStatus } from './write-status.ts';

type Own = 'store' | 'readIndex' | 'selectVolumes' | 'audit' | 'recordEvent' | 'announce' | 'settleMs';

export interface AcceptanceParts extends Pick<RenewalReconcilerParts, Own> {
  readonly bulks: Pick<RenewalReconcilerParts['bulks'], 'select'>;
}

interface AcceptOptions {
  /** Does not wait for nodes that may still report after a loss of Redis: the operator has seen the fleet as it is. */
  readonly isImmediate?: boolean;
}

/** Errors of a selection that no retry resolves. */
const finalCodes: ReadonlySet<string> = new Set(['invalid-argument', 'failed-precondition']);

/**
 * Makes the selection of a new Renewal and stores it, once: a second replica fails to store its own.
 * @returns the accepted object; undefined if it is not accepted now, or needs no bulk renewal
 */
export async function acceptRenewal(
  parts: AcceptanceParts,
  object: RenewalObject,
  { isImmediate = false }: AcceptOptions = {},
): Promise<RenewalObject | undefined> {
  const index = await parts.readIndex();
  const awaited = isImmediate ? undefined : awaitedReports(parts, index);
  if (awaited !== undefined) {
    await writeStatus(parts, object, statusOf(object, phases.awaiting(awaited), index.nowMs));
    return undefined;
  }
  const selected = await select(parts, object);
  if ('rejection' in selected) {
    await reject(parts, object, selected.rejection, index);
    return undefined;
  }
  const stored = await writeStatus(parts, object, acceptedStatus(object, selected, index));
  if (stored === undefined) return undefined;
  await noteAcceptance(parts, stored, selected.description);
  return stored.status?.state === 'Running' ? stored : undefined;
}

/** More conflicts than replicas cause, each of which waits for reports once. */
const maxAttempts = 5;

/**
 * Accepts a Renewal that an operator has just requested through the API, without waiting for reports. Another replica that
 * sees the object at the same time may store that it waits for them; that is replaced.
 */
export async function acceptAtOnce(parts: AcceptanceParts, name: string): Promise<void> {
  let object = parts.store.find('Renewal', name);
  for (let attempt = 1; object !== undefined && isNew(object) && attempt <= maxAttempts; attempt += 1) {
    await acceptRenewal(parts, object, { isImmediate: true });
    object = await parts.store.get('Renewal', name);
  }
}

export const isAccepted = ({ status }: RenewalObject): boolean => status?.startTime !== undefined;

/** Whether it can be accepted: neither accepted, finished, suspended nor deleted. */
function isNew(object: RenewalObject): boolean {
  const { metadata, spec } = object;
  const isWithdrawn = metadata.deletionTimestamp !== undefined || spec.suspend === true;
  return !isWithdrawn && !isAccepted(object) && !isFinished(object);
}

function awaitedReports({ settleMs }: AcceptanceParts, index: IndexState): string | undefined {
  const [node, ...more] = index.incomplete;
  if (node !== undefined)
    return `waiting for the reports of ${node}${more.length === 0 ? '' : ` and ${more.length} more`}`;
  return index.ageMs < settleMs ? 'waiting for the reports of all nodes' : undefined;
}

interface Rejection {
  readonly reason: 'InvalidSelection' | 'TooManyVolumes';
  readonly message: string;
}

type Selected = (SelectedVolumes & { readonly description: string }) | { readonly rejection: Rejection };

async function select({ selectVolumes, bulks }: AcceptanceParts, { spec }: RenewalObject): Promise<Selected> {
  try {
    const selection = await selectVolumes(toSelectionRequest(spec.selection));
    const selected = bulks.select(selection);
    const { length } = selected.volumes;
    if (length <= maxTargets || spec.dryRun === true) return { ...selected, description: describeSelection(selection) };
    const message = `the selection matches ${length} volumes, more than ${maxTargets}; divide it by namespace, node or issuer`;
    return { rejection: { reason: 'TooManyVolumes', message } };
  } catch (thrown) {
    const { code, message } = asCertfleetError(thrown);
    if (!finalCodes.has(code)) throw thrown;
    return { rejection: { reason: 'InvalidSelection', message } };
  }
}

function acceptedStatus(
  object: RenewalObject,
  selected: SelectedVolumes,
  { nowMs }: IndexState,
): RenewalObject['status'] {
  const { volumes } = selected;
  const isRun = object.spec.dryRun !== true && volumes.length > 0;
  const fields = {
    ...selectionFields(previewOf(selected), isRun ? targetFields(object, volumes) : undefined),
    startTime: new Date(nowMs).toISOString(),
  };
  const total = volumes.length;
  const counts = countsOf({ total, pending: total, unreported: 0, renewed: [0], failures: [0] });
  return statusOf({ ...object, status: { ...object.status, ...fields } }, phaseOf(), nowMs);

  function phaseOf(): Phase {
    if (object.spec.dryRun === true) return phases.counted(fields, nowMs);
    return isRun ? phases.running(fields, counts, { unreportedNodes: [] }) : phases.complete(fields, counts, nowMs);
  }
}

async function noteAcceptance(
  { audit, recordEvent, announce }: AcceptanceParts,
  object: RenewalObject,
  target: string,
): Promise<void> {
  const { metadata, spec, status = {} } = object;
  const message =
    status.conditions?.find(({ type }) => type === (isRunning() ? 'Accepted' : 'Complete'))?.message ?? '';
  recordEvent(object, { type: 'Normal', reason: isRunning() ? 'Accepted' : 'Completed', message });
  await announce(['renewals']);
  // The API has recorded the requests that it received.
  if (spec.requester !== undefined) return;
  const windows = spec.ignoreWindows === true ? ', windows ignored' : '';
  await audit.write({
    who: kubernetesUser,
    action: 'renew',
    target,
    reason: spec.reason,
    detail: `${message}${windows}; renewal ${metadata.name}`,
  });

  function isRunning(): boolean {
    return status.state === 'Running';
  }
}

async function reject(
  parts: AcceptanceParts,
  object: RenewalObject,
  { reason, message }: Rejection,
  { nowMs }: IndexState,
): Promise<void> {
  const stored = await writeStatus(parts, object, statusOf(object, phases.rejected(reason, message, nowMs), nowMs));
  if (stored === undefined) return;
  parts.recordEvent(object, { type: 'Warning', reason, message });
  await parts.announce(['renewals']);
  await parts.audit.write({
    who: object.spec.requester ?? kubernetesUser,
    action: 'renew',
    target: `renewal ${object.metadata.name}`,
    reason: object.spec.reason,
    outcome: 'refused',
    detail: message,
  });
}
