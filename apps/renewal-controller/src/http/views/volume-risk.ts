import { fallbackRenewalAtMs, latestStartMs } from '@certfleet/fleet-model/certificate-times.ts';
import { volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { riskReasons } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { failingSinceMs } from '../../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import type { VolumeCriterion } from '../../fleet-index/query/volume-filter.ts';
import { noVolumes } from '../../fleet-index/view/fleet-stats.ts';
import type { IssuerTally, VolumeTally } from '../../fleet-index/view/fleet-stats.ts';
import type { ApiContext } from '../routes/api-context.ts';
import type { LaneEntry } from './lane-directory.ts';
import { iso } from './volume-row.ts';

type Risk = NonNullable<VolumeRow['risk']>;

/** What prevents renewals now, apart from the volumes themselves. */
export interface RiskSources {
  readonly silentNodes: ReadonlyMap<string, Risk>;
  /** Applies to every volume: Redis is unavailable, or no replica dispatches renewals. */
  readonly everywhere: Risk | undefined;
  readonly stoppedLanes: ReadonlyMap<string, Risk>;
  /** When the windows of closed lanes open, in milliseconds since the epoch. */
  readonly closedLanes: ReadonlyMap<string, number>;
}

export interface RiskContext extends Pick<ApiContext, 'view' | 'redisHealth' | 'silentAfterMs' | 'clock'> {
  readonly dispatcher: { readonly mark: Pick<ApiContext['dispatcher']['mark'], 'standstill'> };
  readonly lanes: Pick<ApiContext['lanes'], 'all'>;
  readonly policies: Pick<ApiContext['policies'], 'laneOf'>;
}

/** While Redis is unavailable, lanes are unknown. */
export async function riskSources(context: RiskContext): Promise<RiskSources> {
  const { view, lanes, redisHealth, silentAfterMs, clock } = context;
  const silentNodes = new Map<string, Risk>();
  for (const { node, lastSeenMs } of view().silentNodes(clock.now(), silentAfterMs))
    if (lastSeenMs > 0) silentNodes.set(node, { reason: 'node-silent', since: iso(lastSeenMs) });
  const { reachable, problem } = redisHealth();
  const known = reachable ? await lanes.all().catch(() => undefined) : undefined;
  const isAvailable = reachable && problem === undefined;
  const everywhere = isAvailable ? await standstillRisk(context) : ({ reason: 'redis-unavailable' } as const);
  return { silentNodes, everywhere, ...laneRisks(known?.values() ?? []) };
}

/** No replica knows the pauses of lanes, so that only the agents renew, at their fallback deadlines. */
async function standstillRisk({ dispatcher }: RiskContext): Promise<Risk | undefined> {
  // Redis may have become unavailable since the last check; the next one shows it.
  const standstill = await dispatcher.mark.standstill().catch(() => undefined);
  if (standstill === undefined) return undefined;
  const { sinceMs } = standstill;
  return { reason: 'policies-unknown', ...(sinceMs !== undefined && { since: iso(sinceMs) }) };
}

function laneRisks(lanes: Iterable<LaneEntry>): Pick<RiskSources, 'stoppedLanes' | 'closedLanes'> {
  const stoppedLanes = new Map<string, Risk>();
  const closedLanes = new Map<string, number>();
  for (const { shown, failingSinceMs } of lanes) {
    const { id, paused, state, opensAt } = shown;
    if (paused !== undefined) stoppedLanes.set(id, { reason: 'lane-paused', since: paused.at });
    else if (state === 'backing-off')
      stoppedLanes.set(id, { reason: 'lane-backing-off', ...(failingSinceMs && { since: iso(failingSinceMs) }) });
    else if (state === 'window') closedLanes.set(id, opensAt === undefined ? Infinity : Date.parse(opensAt));
  }
  return { stoppedLanes, closedLanes };
}

/** A volume's status, and the lane of its issuer. */
interface RiskFacts {
  readonly status: VolumeStatus;
  readonly laneId: string;
}

/** Why a volume's renewal is not certain; undefined if nothing speaks against it. */
export function riskOf(sources: RiskSources, volume: IndexedVolume, facts: RiskFacts): Risk | undefined {
  return riskOfStatus(volume, facts.status) ?? outsideRisk(sources, volume, facts);
}

/** An expired, overdue or failing volume. */
function riskOfStatus(volume: IndexedVolume, status: VolumeStatus): Risk | undefined {
  const { certificate, deferredUntilMs } = volume;
  if (status === 'failing') {
    const sinceMs = failingSinceMs(volume);
    return { reason: status, ...(sinceMs !== undefined && { since: iso(sinceMs) }) };
  }
  if (certificate === undefined) return undefined;
  if (status === 'expired') return { reason: status, since: iso(certificate.notAfterMs) };
  return status === 'overdue'
    ? { reason: status, since: iso(fallbackRenewalAtMs(certificate, deferredUntilMs)) }
    : undefined;
}

const closed: Risk = { reason: 'lane-window' };

/** A condition of the volume's node, of the controller and Redis, or of its lane. */
function outsideRisk(
  { silentNodes, everywhere, stoppedLanes, closedLanes }: RiskSources,
  { node, certificate }: IndexedVolume,
  { laneId }: RiskFacts,
): Risk | undefined {
  const found = silentNodes.get(node) ?? everywhere ?? stoppedLanes.get(laneId);
  if (found !== undefined) return found;
  const opensAtMs = closedLanes.get(laneId);
  // The renewal then starts outside the window, at the last moment.
  return opensAtMs !== undefined && certificate !== undefined && opensAtMs > latestStartMs(certificate)
    ? closed
    : undefined;
}

type BadStatus = Extract<VolumeStatus, Risk['reason']>;

const badStatuses: readonly BadStatus[] = ['expired', 'failing', 'overdue'];

const isBadStatus = (status: VolumeStatus): status is BadStatus =>
  status === 'expired' || status === 'failing' || status === 'overdue';

const hasOutsideRisks = ({ silentNodes, everywhere, stoppedLanes, closedLanes }: RiskSources): boolean =>
  everywhere !== undefined || silentNodes.size + stoppedLanes.size + closedLanes.size > 0;

/**
 * The volumes at risk by status: every expired, failing or overdue one, and others for a condition outside of them. Only
 * for a closed window does it scan volumes, and only those of nodes that have some of that lane.
 */
export function atRiskByState(context: RiskContext, sources: RiskSources): Record<VolumeStatus, number> {
  const { view, clock } = context;
  const nowMs = clock.now();
  const { all, nodes, issuersByNode } = view().stats(nowMs);
  const counts = noVolumes();
  for (const state of badStatuses) counts[state] = all.byState[state];
  if (!hasOutsideRisks(sources)) return counts;
  for (const [node, issuers] of issuersByNode) {
    const tallies = talliesAtRisk(context, sources, { node, all: nodes.get(node), issuers });
    if (tallies === undefined) countVolumesAtRisk(context, sources, { node, nowMs, counts });
    else for (const { byState } of tallies) addOthers(counts, byState);
  }
  return counts;
}

interface NodeTallies {
  readonly node: string;
  readonly all: VolumeTally | undefined;
  readonly issuers: ReadonlyMap<string, IssuerTally>;
}

/** The tallies of a node that are at risk as a whole; undefined if some volumes of a tally are, and others not. */
function talliesAtRisk(
  { policies }: Pick<RiskContext, 'policies'>,
  { silentNodes, everywhere, stoppedLanes, closedLanes }: RiskSources,
  { node, all, issuers }: NodeTallies,
): readonly VolumeTally[] | undefined {
  if (everywhere !== undefined || silentNodes.has(node)) return all === undefined ? [] : [all];
  if (stoppedLanes.size + closedLanes.size === 0) return [];
  const lanes = Array.from(issuers.values(), (tally) => ({ tally, id: policies.laneOf(tally.issuer).id }));
  if (lanes.some(({ id }) => closedLanes.has(id))) return undefined;
  return lanes.filter(({ id }) => stoppedLanes.has(id)).map(({ tally }) => tally);
}

/** Adds the volumes that are not at risk for their own status. */
function addOthers(counts: Record<VolumeStatus, number>, byState: Readonly<Record<VolumeStatus, number>>): void {
  for (const state of volumeStatuses) if (!isBadStatus(state)) counts[state] += byState[state];
}

function countVolumesAtRisk(
  { view, policies }: RiskContext,
  sources: RiskSources,
  { node, nowMs, counts }: { node: string; nowMs: number; counts: Record<VolumeStatus, number> },
): void {
  view().scan(nowMs, node, (volume, status) => {
    if (isBadStatus(status)) return;
    const { id: laneId } = policies.laneOf(volume.issuer);
    if (outsideRisk(sources, volume, { status, laneId }) !== undefined) counts[status] += 1;
  });
}

/** The reason of a volume's risk, without the rest of it, for passes over the whole fleet. */
export function riskReasonBy(
  { policies }: Pick<RiskContext, 'policies'>,
  sources: RiskSources,
): (volume: IndexedVolume, status: VolumeStatus) => Risk['reason'] | undefined {
  return (volume, status) =>
    isBadStatus(status)
      ? status
      : outsideRisk(sources, volume, { status, laneId: policies.laneOf(volume.issuer).id })?.reason;
}

/** The criterion of a filter by risk; undefined if there is none. */
export function riskCriterion(
  { policies }: Pick<RiskContext, 'policies'>,
  sources: RiskSources,
  risk: string | undefined,
): VolumeCriterion | undefined {
  if (risk === undefined) return undefined;
  const reasonOf = riskReasonBy({ policies }, sources);
  if (risk === 'none') return (volume, status) => reasonOf(volume, status) === undefined;
  const wanted = new Set<string>(risk === 'any' ? riskReasons : risk.split(','));
  return (volume, status) => {
    const reason = reasonOf(volume, status);
    return reason !== undefined && wanted.has(reason);
  };
}

export const sumOf = (counts: Readonly<Record<VolumeStatus, number>>): number =>
  volumeStatuses.reduce((sum, state) => sum + counts[state], 0);
