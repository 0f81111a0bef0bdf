import { jobGraceMs, fallbackRenewalAtMs } from '@certfleet/shared/certificate-times.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { volumeKey } from '../fleet-index/volume-key.ts';
import type { IndexedCertificate, IndexedVolume } from '../fleet-index/indexed-volume.ts';
import type { Admission, LaneAdmission } from '../lanes/lane-admission.ts';
import type { Lane, LanePolicies } from '../lanes/lane-policies.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import type { DispatchObserver } from './dispatch-observer.ts';
import type { DueResult } from './due-worker.ts';
import type { NodeQueues } from './node-queues.ts';
import { jobId, renewalOf } from './renewal-job.ts';
import type { RenewalCause } from './renewal-job.ts';
import { renewalTimes } from './renewal-schedule.ts';
import type { RenewalTimes } from './renewal-schedule.ts';
import type { StoredVolumes } from './stored-volumes.ts';

/** What the start of a renewal needs. */
export interface StartRenewalParts {
  readonly stored: StoredVolumes;
  readonly admission: LaneAdmission;
  readonly lanes: LaneStore;
  readonly policies: LanePolicies;
  readonly nodeQueues: NodeQueues;
  /** Takes a renewal out of its node's queue and its lane if its agent has not begun it. */
  readonly withdraw: (volume: IndexedVolume) => Promise<void>;
  /** Settles what cancelled requests still wait for of a renewal. */
  readonly dropCancelled: (renewal: string) => Promise<void>;
  readonly clock: Clock;
  readonly observer: DispatchObserver;
}

/** A job that has come due. */
export interface DueRenewal {
  readonly id: string;
  readonly node: string;
  readonly volumeId: string;
}

const done: DueResult = { done: true };
/** After which time a renewal that was paused or cancelled while it was handed over comes again, to wait in its lane. */
const withdrawnMs = 500;

/** Hands a renewal that is due to its node's queue, if its lane lets it; otherwise tells when to come again. */
export async function startRenewal(parts: StartRenewalParts, { id, node, volumeId }: DueRenewal): Promise<DueResult> {
  const { stored, admission, lanes, policies, clock } = parts;
  const volume = await stored.get(node, volumeId);
  // The volume is gone, was renewed by its agent's own deadline, or failed once more: another job stands for it now.
  if (volume?.certificate === undefined || jobId(volume) !== id) return done;
  const lane = policies.laneOf(volume.issuer);
  const times = renewalTimes(volume, lane, clock.now());
  if (times === undefined) return done;
  await lanes.note(lane);
  const verdict = await admission.admit(lane, {
    id,
    renewal: renewalOf(id),
    volume: volumeKey(volume),
    latestStartMs: times.latestStartMs,
    notAfterMs: volume.certificate.notAfterMs,
    // The wait after a failure is in Redis, by its time.
    ...(volume.failure === undefined && { dueAtMs: times.dueAtMs }),
  });
  if (!verdict.admitted) return await postpone(parts, { id, volume, certificate: volume.certificate, lane }, verdict);
  return await handOver(parts, { id, volume, lane, times }, verdict);
}

/** Adds an admitted renewal to its node's queue. */
async function handOver(
  parts: StartRenewalParts,
  { id, volume, lane, times }: Admitted,
  verdict: Extract<Admission, { admitted: true }>,
): Promise<DueResult> {
  const { lanes, nodeQueues, clock, observer } = parts;
  const { node, volumeId } = volume;
  const isRequested = verdict.requestedBy.length > 0;
  const cause = causeOf(volume, isRequested);
  const nowMs = clock.now();
  // Also when it was admitted before: whoever was killed then may not have come this far. The queue knows the id.
  const job = {
    volumeId,
    generation: volume.generation,
    cause,
    requestedAtMs: nowMs,
    ...(isRequested && { requested: true as const }),
  };
  const isWithdrawn = (): Promise<boolean> => lanes.isWithdrawn(lane, { renewal: renewalOf(id), isDue: !isRequested });
  // Its agent may have it already, which only its report tells.
  if (verdict.again && (await isWithdrawn())) return { done: false, waitMs: withdrawnMs };
  // It may wait in the queue as an automatic one, which the agent is free to refuse.
  if (verdict.again && isRequested) await nodeQueues.remove(node, id);
  // On one connection, and so in this order: what was paused or cancelled since it was admitted is seen here, or its job
  // is seen by whoever pauses or cancels.
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

/** A renewal that may start. */
interface Admitted {
  readonly id: string;
  readonly volume: IndexedVolume;
  readonly lane: Lane;
  readonly times: RenewalTimes;
}

/** A renewal that was let wait. */
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
  // An agent that nobody hears is not asked to wait for the controller.
  if (refusal.reason !== 'node-silent') await deferFallback(parts, { ...waiting, waitMs });
  return {
    done: false,
    waitMs,
    promotionDelayMs: () => parts.lanes.promotionDelayMs(lane, { id, volume: volumeKey(volume) }),
  };
}

/** A hold outlasts the wait by this: what comes when its lane lets it must not find its agent at work already. */
const deferReserveMs = 10 * 60_000;

/** Lets the agent's own deadline wait as well where it would come before the lane's turn, or the lane would be no bound. */
async function deferFallback(
  { nodeQueues, clock }: StartRenewalParts,
  held: { id: string; volume: IndexedVolume; certificate: IndexedCertificate; waitMs: number },
): Promise<void> {
  const { id, volume, certificate, waitMs } = held;
  const { node, volumeId, generation, deferredUntilMs } = volume;
  const nextLookMs = clock.now() + waitMs;
  const reserveMs = jobGraceMs(certificate) / 2;
  if (fallbackRenewalAtMs(certificate, deferredUntilMs) - reserveMs > nextLookMs) return;
  const untilMs = Math.ceil(nextLookMs + deferReserveMs);
  // A hold has an end of its own; one that would not move the deadline any more is not worth a message.
  if (fallbackRenewalAtMs(certificate, untilMs) <= fallbackRenewalAtMs(certificate, deferredUntilMs)) return;
  await nodeQueues.defer(node, id, { volumeId, generation, untilMs });
}

function causeOf({ failure }: IndexedVolume, isRequested: boolean): RenewalCause {
  if (isRequested) return 'requested';
  return failure === undefined ? 'due' : 'retry';
}
