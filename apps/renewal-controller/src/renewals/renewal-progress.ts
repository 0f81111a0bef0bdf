import type { Renewal } from '@certfleet/operator-api/renewals.ts';
import type { BulkRenewal } from '../dispatch/bulk-renewal.ts';
import { selectionText } from './carry-out-renewal.ts';
import { kubernetesUser } from './reconciler-parts.ts';
import { isApproved, isStopped } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';

/** A renewal as the API shows it. */
export type RenewalProgress = Omit<Renewal, 'createdAt'> & { readonly createdAtMs: number };

const states = {
  Pending: 'starting',
  Running: 'running',
  AwaitingApproval: 'awaiting-approval',
  Stopped: 'stopped',
  Suspended: 'suspended',
  Completed: 'finished',
  Failed: 'rejected',
} as const;

/** @param bulk the bulk renewal of a running object: newer counts than its status has */
export function progressOfObject(object: RenewalObject, bulk: BulkRenewal | undefined): RenewalProgress {
  const { metadata, spec } = object;
  const counts = countsOf(object, bulk);
  return {
    id: metadata.name,
    by: spec.requester ?? kubernetesUser,
    reason: spec.reason,
    ...(spec.ignoreWindows === true && { ignoreWindows: true }),
    ...(spec.dryRun === true && { dryRun: true }),
    selection: safeSelectionText(object),
    state: stateOf(object),
    ...messageOf(object),
    createdAtMs: Date.parse(metadata.creationTimestamp),
    ...(spec.stopAfterFailures !== undefined && { stopAfterFailures: spec.stopAfterFailures }),
    ...counts,
    ...canaryOf(object, counts),
  };
}

/** What the object demands; its status may not show it yet. */
function stateOf(object: RenewalObject): RenewalProgress['state'] {
  const { spec, status = {} } = object;
  const { state = 'Pending' } = status;
  if (!changing.has(state)) return states[state];
  if (spec.suspend === true) return 'suspended';
  if (isStopped(object)) return 'stopped';
  return state === 'AwaitingApproval' && !isApproved(object) ? 'awaiting-approval' : 'running';
}

/** States that depend on the spec and on decisions of operators. */
const changing: ReadonlySet<string> = new Set(['Running', 'AwaitingApproval', 'Stopped']);

function canaryOf({ status = {} }: RenewalObject, { pending }: Counts): Pick<RenewalProgress, 'canary'> {
  const { canary } = status;
  if (canary === undefined) return {};
  const { total, approvedBy, approvalTime } = canary;
  const held = Math.max(0, (status.pending ?? 0) - canary.pending);
  return {
    canary: {
      total,
      // The counts of Redis are newer than those of the status.
      ...(approvalTime === undefined && { pending: Math.min(total, Math.max(0, pending - held)) }),
      ...(approvedBy !== undefined && { approvedBy }),
      ...(approvalTime !== undefined && { approvedAt: approvalTime }),
    },
  };
}

type Counts = Pick<RenewalProgress, 'total' | 'pending' | 'renewed' | 'gone' | 'cancelled' | 'failures'>;
const none = { total: 0, renewed: 0, gone: 0, cancelled: 0, failures: 0 };

function countsOf({ spec, status }: RenewalObject, bulk: Omit<Counts, 'total' | 'pending'> = none): Counts {
  const { total, cancelled, ...known } = { ...none, ...status };
  const renewed = Math.min(total, Math.max(known.renewed, bulk.renewed));
  const gone = Math.min(total - renewed, Math.max(known.gone, bulk.gone));
  // Includes volumes of nodes that have not reported since Redis lost its data.
  const pending = spec.dryRun === true ? 0 : total - renewed - gone;
  return { total, pending, renewed, gone, cancelled, failures: Math.max(known.failures, bulk.failures) };
}

/** A bulk renewal without an object: it was deleted, or an earlier release started the bulk renewal. */
export function progressOfBulk({ name, mustRecall, ...bulk }: BulkRenewal): RenewalProgress {
  return {
    ...bulk,
    id: name ?? bulk.id,
    ...(mustRecall === true && { message: 'renewals in the queues of nodes are being recalled' }),
  };
}

function messageOf({ status }: RenewalObject): { readonly message?: string } {
  const shown = status?.conditions?.find(({ type, status: value }) => value === 'True' && explained.has(type));
  return shown === undefined || shown.message === '' ? {} : { message: shown.message };
}

/** The conditions that explain a state. */
const explained: ReadonlySet<string> = new Set(['Failed', 'Suspended', 'Stalled', 'Reconciling', 'Complete']);

/** A rejected selection may have no text. */
function safeSelectionText(object: RenewalObject): string {
  try {
    return selectionText(object);
  } catch {
    return JSON.stringify(object.spec.selection).slice(0, 1_024);
  }
}
