import { jobGraceMs, fallbackRenewalAtMs } from '@certfleet/fleet-model/certificate-times.ts';
import type { DispatchCause } from '@certfleet/fleet-model/issuance-causes.ts';
import { deferralJob, renewalJob } from '@certfleet/fleet-model/node-job.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { volumeKey } from '../fleet-index/model/volume-key.ts';
import type { IndexedCertificate, IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { Admission, LaneAdmission } from '../lanes/lane-admission.ts';
import type { Lane, LanePolicies } from '../lanes/lane-policies.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import type { DispatchObserver } from './dispatch-observer.ts';
import type { DueResult } from './due-worker.ts';
import type { NodeQueues } from './node-queues.ts';
import { jobId, renewalOf } from './renewal-job.ts';
import { renewalTimes } from './renewal-schedule.ts';
import type { RenewalTimes } from './renewal-schedule.ts';
import type { StoredVolumes } from './stored-volumes.ts';

export interface StartRenewalParts {
  readonly stored: StoredVolumes;
  readonly admission: LaneAdmission;
  readonly lanes: LaneStore;
  readonly policies: LanePolicies;
  readonly nodeQueues: NodeQueues;
  /** Removes a renewal from its node's queue and its lane, unless its agent has begun it. */
  readonly withdraw: (volume: IndexedVolume) => Promise<void>;
  /** Settles the entries of cancelled requests for a renewal. */
  readonly dropCancelled: (renewal: string) => Promise<void>;
  /** Whether one of the requests for a renewal is known to be in force; Redis may have lost a cancellation. */
  readonly isRequestInForce: (renewal: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly observer: DispatchObserver;
}

export interface DueRenewal {
  readonly id: string;
  readonly node: string;
  readonly volumeId: string;
}

const done: DueResult = { done: true };
/** A renewal that was paused or cancelled during its dispatch returns to its lane after this time. */
const withdrawnMs = 500;
/** A request whose object is not known yet, or whose cancellation Redis has lost, is decided within seconds. */
const unknownRequestMs = 1_000;

/** Dispatches a due renewal to its node's queue if its lane admits it; otherwise returns when to try again. */
export async function startRenewal(parts: StartRenewalParts, { id, node, volumeId }: DueRenewal): Promise<DueResult> {
  const { stored, admission, lanes, policies, clock } = parts;
  const volume = await stored.get(node, volumeId);
  // The volume was removed, renewed at the fallback deadline, or failed again: a newer job replaces this one.
  if (volume?.certificate === undefined || jobId(volume) !== id) return done;
  const lane = policies.laneOf(volume.issuer);
  const times = renewalTimes(volume, lane, clock.now());
  if (times === undefined) return done;
  if (times.dueAtMs > clock.now() && !(await parts.isRequestInForce(renewalOf(id))))
    return { done: false, waitMs: unknownRequestMs };
  await lanes.note(lane);
  const verdict = await admission.admit(lane, {
    id,
    renewal: renewalOf(id),
    volume: volumeKey(volume),
    latestStartMs: times.latestStartMs,
    notAfterMs: volume.certificate.notAfterMs,
    // After a failure, the cooldown in Redis also delays it.
    dueAtMs: times.earliestMs,
  });
  if (!verdict.admitted) return await postpone(parts, { id, volume, certificate: volume.certificate, lane }, verdict);
  return await handOver(parts, { id, volume, lane, times }, verdict);
}

async function handOver(
  parts: StartRenewalParts,
  { id, volume, lane, times }: Admitted,
  verdict: Extract<Admission, { admitted: true }>,
): Promise<DueResult> {
  const { lanes, nodeQueues, clock, observer } = parts;
  const { node } = volume;
  const isRequested = verdict.requestedBy.length > 0;
  const cause = causeOf(volume, isRequested);
  const nowMs = clock.now();
  // Also when it was admitted before: the replica may have been killed before this step. The queue ignores a known id.
  const job = renewalJob(volume, cause, nowMs);
  const isWithdrawn = (): Promise<boolean> => lanes.isWithdrawn(lane, { renewal: renewalOf(id), isDue: !isRequested });
  // Its agent may already have it; only the next report shows the result.
  if (verdict.again && (await isWithdrawn())) return { done: false, waitMs: withdrawnMs };
  // It may be queued as an automatic renewal, which the agent may refuse.
  if (verdict.again && isRequested) await nodeQueues.remove(node, id);
  // Both commands use one connection and therefore run in this order: either this check sees a pause or cancellation
  // that followed the admission, or the pause or cancellation sees the job.
  const [, isWithdrawnNow] = await Promise.all([
    nodeQueues.add(node, id, { job, priority: times.priority }),
    isWithdrawn(),
  ]);
  if (isWithdrawnNow) {
    await parts.withdraw(volume);
    return { done: false, waitMs: withdrawnMs };
  }
  if (!verdict.again) {
    const latenessMs = cause === 'due' ? Math.max(0, nowMs - times.dueAtMs) : 0;
    observer.dispatched(volume, { cause, latenessMs, urgent: verdict.urgent });
  }
  return done;
}

interface Admitted {
  readonly id: string;
  readonly volume: IndexedVolume;
  readonly lane: Lane;
  readonly times: RenewalTimes;
}

interface Waiting {
  readonly id: string;
  readonly volume: IndexedVolume;
  readonly certificate: IndexedCertificate;
  readonly lane: Lane;
}

async function postpone(
  parts: StartRenewalParts,
  { lane, ...waiting }: Waiting,
  refusal: Extract<Admission, { admitted: false }>,
): Promise<DueResult> {
  const { id, volume } = waiting;
  const { waitMs } = refusal;
  if (refusal.isEarly) {
    await parts.dropCancelled(renewalOf(id));
    return { done: false, waitMs };
  }
  parts.observer.delayed(volume, refusal.reason, waitMs);
  // A silent agent does not defer to the controller.
  if (refusal.reason !== 'node-silent') await deferFallback(parts, { ...waiting, waitMs });
  return {
    done: false,
    waitMs,
    promotionDelayMs: () => parts.lanes.promotionDelayMs(lane, { id, volume: volumeKey(volume) }),
  };
}

/** A deferral outlasts the wait by this, so that the agent does not start before the lane dispatches the renewal. */
const deferReserveMs = 10 * 60_000;

/**
 * Defers the agent's fallback deadline if it would expire before the lane's turn; otherwise the agent would bypass the
 * limits of the lane.
 */
async function deferFallback(
  { nodeQueues, clock }: StartRenewalParts,
  waiting: { id: string; volume: IndexedVolume; certificate: IndexedCertificate; waitMs: number },
): Promise<void> {
  const { id, volume, certificate, waitMs } = waiting;
  const { node, deferredUntilMs } = volume;
  const nextLookMs = clock.now() + waitMs;
  const reserveMs = jobGraceMs(certificate) / 2;
  if (fallbackRenewalAtMs(certificate, deferredUntilMs) - reserveMs > nextLookMs) return;
  const untilMs = Math.ceil(nextLookMs + deferReserveMs);
  // Deferrals are bounded; one that would not move the deadline is not sent.
  if (fallbackRenewalAtMs(certificate, untilMs) <= fallbackRenewalAtMs(certificate, deferredUntilMs)) return;
  await nodeQueues.defer(node, id, deferralJob(volume, untilMs));
}

function causeOf({ failure }: IndexedVolume, isRequested: boolean): DispatchCause {
  if (isRequested) return 'requested';
  return failure === undefined ? 'due' : 'retry';
}
