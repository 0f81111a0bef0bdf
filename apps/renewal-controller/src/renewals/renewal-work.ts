import type { renewalWaits } from '@certfleet/operator-api/vocabulary.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { TopN } from '../fleet-index/query/top-n.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { RenewalStatus } from '../intent/kinds/renewal-kind.ts';
import { measureTargets } from './measure-targets.ts';
import type { RenewalProgress } from './renewal-progress.ts';
import { allTargets } from './renewal-work-left.ts';
import { RenewalTargets } from './renewal-targets.ts';

type Wait = (typeof renewalWaits)[number];

interface WaitCount {
  readonly reason: Wait;
  readonly count: number;
  /** Expected start of the last of them; undefined if it is not known. */
  readonly untilMs: number | undefined;
}

/** How a renewal proceeds, by the reports of the nodes. */
export interface RenewalWork {
  readonly atMs: number;
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
  /** Renewals per minute; undefined unless it is running. */
  readonly perMinute: number | undefined;
  readonly expectedEndMs: number | undefined;
  readonly waiting: readonly WaitCount[];
  readonly volumes: readonly IndexedVolume[];
}

export interface RenewalWorkParts {
  readonly view: () => FleetView;
  readonly clock: Clock;
}

export interface RenewalFacts {
  readonly progress: RenewalProgress;
  /** Undefined for a renewal without an object. */
  readonly status: RenewalStatus | undefined;
}

const rateWindowMs = 5 * 60_000;
const minute = 60_000;
const maxVolumes = 50;

/**
 * What the pending volumes of a renewal wait for, and how fast it proceeds. Times of issuance are those of the nodes and
 * only estimate the rate.
 */
export async function renewalWork(
  { view, clock }: RenewalWorkParts,
  { progress, status = {} }: RenewalFacts,
): Promise<RenewalWork> {
  const nowMs = clock.now();
  const { startTime, completionTime, canary } = status;
  const startedMs = Date.parse(startTime ?? '');
  const since = Math.max(nowMs - rateWindowMs, Number.isNaN(startedMs) ? 0 : startedMs);
  const isOpen = progress.pending > 0 && completionTime === undefined;
  const measured = isOpen
    ? await measureTargets(
        allTargets({ status }),
        (node) => view().volumesOf(node),
        () => false,
        since,
      )
    : { pending: [], renewedSince: 0 };
  const isHeld = heldVolumes(canary);
  const isRunning = isOpen && progress.state === 'running';
  // A renewal of a few seconds has no rate yet.
  const minutes = Math.max(1 / 6, (nowMs - since) / minute);
  // Of a younger renewal all are recent, whatever the clocks of the nodes say.
  const recent = startedMs >= nowMs - rateWindowMs ? progress.renewed : measured.renewedSince;
  const perMinute = isRunning ? Math.round((recent / minutes) * 10) / 10 : undefined;
  const waiting = waitsOf(
    measured.pending,
    (volume) => (isHeld?.(volume) === true ? 'approval' : reasonOf(view(), volume, nowMs)),
    view(),
  );
  return {
    atMs: nowMs,
    startedAt: startTime,
    endedAt: completionTime,
    perMinute,
    expectedEndMs:
      perMinute && isHeld === undefined
        ? expectedEnd(waiting, nowMs + (progress.pending / perMinute) * minute)
        : undefined,
    waiting,
    volumes: worstFirst(measured.pending),
  };
}

/** Nobody knows when these end. */
const openEnded: ReadonlySet<Wait> = new Set(['approval', 'paused', 'node-silent']);

/** The end at the current rate, but not before the waits that are known; undefined if one has no known end. */
function expectedEnd(waiting: readonly WaitCount[], atRateMs: number): number | undefined {
  if (waiting.some(({ reason }) => openEnded.has(reason))) return undefined;
  return Math.max(atRateMs, ...waiting.map(({ untilMs = 0 }) => untilMs));
}

/** Which volumes wait for the approval after a canary; undefined if none does. */
function heldVolumes(canary: RenewalStatus['canary']): ((volume: IndexedVolume) => boolean) | undefined {
  if (canary === undefined || canary.approvalTime !== undefined) return undefined;
  const first = RenewalTargets.parse(canary.targets);
  return (volume) => !first.has(volume);
}

function waitsOf(
  pending: readonly IndexedVolume[],
  waitOf: (volume: IndexedVolume) => Wait,
  view: FleetView,
): readonly WaitCount[] {
  const counts = new Map<Wait, WaitCount>();
  for (const volume of pending) {
    const reason = waitOf(volume);
    const wait = reason === 'approval' ? undefined : view.waitOf(volume);
    const { count, untilMs } = counts.get(reason) ?? { count: 0, untilMs: undefined };
    const until = wait?.untilMs === undefined ? untilMs : Math.max(untilMs ?? 0, wait.untilMs);
    counts.set(reason, { reason, count: count + 1, untilMs: until });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}

/** A wait in the lane is newer than a failed attempt, which it repeats. */
function reasonOf(view: FleetView, volume: IndexedVolume, nowMs: number): Wait {
  const wait = view.waitOf(volume);
  if (wait !== undefined) return wait.reason;
  const status = view.statusOf(volume, nowMs);
  if (status === 'in-flight') return 'started';
  return volume.failure === undefined ? 'not-started' : 'failing';
}

function worstFirst(pending: readonly IndexedVolume[]): readonly IndexedVolume[] {
  const isFailing = ({ failure }: IndexedVolume): number => (failure === undefined ? 1 : 0);
  const first = new TopN<IndexedVolume>(
    maxVolumes,
    (a, b) =>
      isFailing(a) - isFailing(b) ||
      (a.certificate?.notAfterMs ?? 0) - (b.certificate?.notAfterMs ?? 0) ||
      (a.volumeId < b.volumeId ? -1 : 1),
  );
  for (const volume of pending) first.offer(volume);
  return first.sorted();
}
