import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { RenewalStatus } from '../intent/kinds/renewal-kind.ts';
import type { RenewalPreview } from '../dispatch/bulk-renewal.ts';
import { phaseConditions, updatedConditions } from './renewal-conditions.ts';
import type { WantedCondition } from './renewal-conditions.ts';
import type { RenewalObject } from './renewal-object.ts';

/** Counts of a renewal: `total` = `pending` + `renewed` + `gone`. */
export interface RenewalCounts {
  readonly total: number;
  /** Includes `unreported`. */
  readonly pending: number;
  readonly renewed: number;
  readonly gone: number;
  readonly failures: number;
  /** Volumes of nodes whose agents have not reported since Redis lost its data. */
  readonly unreported: number;
}

/** What is known about the progress from each source; a source that does not know is absent or 0. */
export interface KnownProgress {
  readonly total: number;
  readonly pending: number;
  readonly unreported: number;
  /** The numbers of renewed volumes in the status, in Redis and in the reports. Each may be too low, none too high. */
  readonly renewed: readonly number[];
  readonly failures: readonly number[];
}

/** A volume that is neither pending nor renewed has left the fleet. */
export function countsOf({ total, pending, unreported, renewed, failures }: KnownProgress): RenewalCounts {
  const open = Math.min(total, pending + unreported);
  const done = Math.min(total - open, Math.max(0, ...renewed));
  return {
    ...{ total, pending: open, renewed: done, unreported },
    gone: total - open - done,
    failures: Math.max(0, ...failures),
  };
}

const maxTallies = 100;
const maxMessage = 1_024;

/** The fields of a status that a selection determines. */
export function selectionFields(
  { count, skipped, byIssuer, byNode }: RenewalPreview,
  targets?: Pick<RenewalStatus, 'targets' | 'canary'>,
): RenewalStatus {
  const tally = (counts: RenewalPreview['byNode']) =>
    counts.slice(0, maxTallies).map(([value, of]) => ({ value, count: of }));
  return {
    ...{ total: count, skipped, byIssuer: tally(byIssuer), byNode: tally(byNode) },
    ...targets,
  };
}

/** One phase of a renewal as its status shows it. */
export interface Phase {
  readonly state: NonNullable<RenewalStatus['state']>;
  readonly conditions: readonly WantedCondition[];
  /** New values of other fields; the others keep theirs. */
  readonly fields?: RenewalStatus;
}

/** @param nowMs shown in the status; no decision depends on it alone */
export function statusOf({ metadata, status = {} }: RenewalObject, phase: Phase, nowMs: number): RenewalStatus {
  const now = isoSeconds(nowMs);
  const { generation } = metadata;
  const next = {
    ...status,
    ...phase.fields,
    state: phase.state,
    observedGeneration: generation,
    conditions: updatedConditions(status.conditions ?? [], phase.conditions, { generation, now }),
  };
  const { total, pending } = next;
  if (total === undefined) return next;
  return { ...next, progress: `${total - (pending ?? 0)}/${total}` };
}

export const phases = {
  awaiting: (message: string): Phase => ({ state: 'Pending', conditions: phaseConditions.awaiting(message) }),
  rejected: (reason: string, message: string, nowMs: number): Phase => ({
    state: 'Failed',
    conditions: phaseConditions.rejected(reason, message.slice(0, maxMessage)),
    fields: { completionTime: isoSeconds(nowMs) },
  }),
  suspended: (status: RenewalStatus, counts: RenewalCounts | undefined): Phase => ({
    state: 'Suspended',
    conditions: phaseConditions.suspended(
      status.total === undefined ? undefined : selectedText(status),
      counts === undefined ? 'nothing was started' : `no renewal starts; ${doneText(counts)}`,
    ),
    ...(counts && { fields: countFields(counts) }),
  }),
  running: (status: RenewalStatus, counts: RenewalCounts, details: RunningDetails): Phase => ({
    state: 'Running',
    conditions: phaseConditions.running(selectedText(status), runningText(counts, details)),
    fields: { ...countFields(counts), ...canaryFields(status, details), ...failureFields(details.failures) },
  }),
  awaitingApproval: (status: RenewalStatus, counts: RenewalCounts): Phase => ({
    state: 'AwaitingApproval',
    conditions: phaseConditions.awaitingApproval(selectedText(status), approvalText(status, counts)),
    fields: { ...countFields(counts), ...canaryFields(status, { canaryPending: 0 }), lastFailures: [] },
  }),
  /** @param limit the number of failed attempts that stopped the renewal */
  stopped: (
    status: RenewalStatus,
    counts: RenewalCounts,
    details: Pick<RunningDetails, 'failures' | 'canaryPending'> & { readonly limit: number },
  ): Phase => ({
    state: 'Stopped',
    conditions: phaseConditions.stopped(
      selectedText(status),
      `stopped at ${details.limit} failed attempts: no renewal starts until it is resumed or stopAfterFailures is higher; ${doneText(counts)}`,
    ),
    fields: { ...countFields(counts), ...canaryFields(status, details), ...failureFields(details.failures) },
  }),
  complete: (status: RenewalStatus, counts: RenewalCounts, nowMs: number): Phase => ({
    state: 'Completed',
    conditions: phaseConditions.complete(
      selectedText(status),
      counts.total === 0 ? 'NothingSelected' : 'Renewed',
      counts.total === 0 ? 'no volume with a certificate matched the selection' : doneText(counts),
    ),
    // Targets are only needed to continue.
    fields: {
      ...countFields(counts),
      ...(status.canary && { canary: { ...status.canary, pending: 0, targets: [] } }),
      ...{ lastFailures: [], targets: [], completionTime: isoSeconds(nowMs) },
    },
  }),
  counted: (status: RenewalStatus, nowMs: number): Phase => ({
    state: 'Completed',
    conditions: phaseConditions.complete(
      selectedText(status),
      'DryRun',
      `${counted(status.total ?? 0)} would be renewed; nothing was started`,
    ),
    fields: { completionTime: isoSeconds(nowMs) },
  }),
} as const;

interface RunningDetails {
  readonly failures?: readonly IndexedVolume[] | undefined;
  readonly unreportedNodes: readonly string[];
  /** Volumes that wait for the approval after the canary. */
  readonly held?: number;
  /** Pending volumes of the canary; undefined if they are not known now. */
  readonly canaryPending?: number | undefined;
}

function canaryFields(
  { canary }: RenewalStatus,
  { canaryPending }: Pick<RunningDetails, 'canaryPending'>,
): Pick<RenewalStatus, 'canary'> {
  if (canary === undefined || canaryPending === undefined) return {};
  return { canary: { ...canary, pending: canaryPending } };
}

function failureFields(failures: readonly IndexedVolume[] | undefined): RenewalStatus {
  return failures === undefined ? {} : { lastFailures: failures.flatMap((volume) => failureOf(volume)) };
}

function approvalText({ canary }: RenewalStatus, counts: RenewalCounts): string {
  const text = `the canary of ${counted(canary?.total ?? 0)} is finished, ${counted(counts.pending)} wait for an approval`;
  return `${text}; ${doneText(counts)}`;
}

function countFields({ total, pending, renewed, gone, failures }: RenewalCounts): RenewalStatus {
  return { total, pending, renewed, gone, failures };
}

function failureOf({
  node,
  volumeId,
  namespace,
  pod,
  failure,
}: IndexedVolume): NonNullable<RenewalStatus['lastFailures']> {
  if (failure === undefined) return [];
  const { reason, message, atMs } = failure;
  return [{ node, volumeId, namespace, pod, reason, message: message.slice(0, maxMessage), time: isoSeconds(atMs) }];
}

function selectedText({ total = 0, skipped = 0 }: RenewalStatus): string {
  return `${counted(total)} selected${skipped === 0 ? '' : `; ${skipped} more without a certificate yet`}`;
}

export function doneText({ total, renewed, gone, failures }: RenewalCounts): string {
  const left = gone === 0 ? '' : `, ${gone} left the fleet`;
  const failed = failures === 0 ? '' : `, ${failures} failed attempts`;
  return `${renewed} of ${counted(total)} renewed${left}${failed}`;
}

function runningText(counts: RenewalCounts, { unreportedNodes: nodes, held = 0 }: RunningDetails): string {
  const done =
    held === 0 ? doneText(counts) : `${doneText(counts)}; ${counted(held)} wait until the canary is approved`;
  if (counts.unreported === 0) return done;
  const named = nodes.slice(0, 3).join(', ') + (nodes.length > 3 ? ` and ${nodes.length - 3} more` : '');
  return `${done}; waiting for the reports of ${counted(counts.unreported)} on ${named}`;
}

function counted(volumes: number): string {
  return volumes === 1 ? '1 volume' : `${volumes} volumes`;
}

/** Kubernetes shows times in seconds. */
function isoSeconds(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
