import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import type { ApiContext } from '../routes/api-context.ts';
import { iso } from './volume-row.ts';

export type Risk = NonNullable<VolumeRow['risk']>;

/** The nodes and lanes that do not renew now. */
export interface RiskSources {
  readonly silentNodes: ReadonlyMap<string, Risk>;
  readonly stoppedLanes: ReadonlyMap<string, Risk>;
}

type RiskContext = Pick<ApiContext, 'view' | 'lanes' | 'redisHealth' | 'silentAfterMs' | 'clock' | 'policies'>;

/** While Redis is unavailable, lanes are unknown and only silent nodes are returned. */
export async function riskSources({
  view,
  lanes,
  redisHealth,
  silentAfterMs,
  clock,
}: RiskContext): Promise<RiskSources> {
  const silentNodes = new Map<string, Risk>();
  for (const { node, lastSeenMs } of view().silentNodes(clock.now(), silentAfterMs))
    if (lastSeenMs > 0) silentNodes.set(node, { reason: 'node-silent', since: iso(lastSeenMs) });
  const stoppedLanes = new Map<string, Risk>();
  const known = redisHealth().reachable ? await lanes.all().catch(() => undefined) : undefined;
  for (const { shown, failingSinceMs } of known?.values() ?? []) {
    if (shown.paused !== undefined) stoppedLanes.set(shown.id, { reason: 'lane-paused', since: shown.paused.at });
    else if (shown.state === 'backing-off')
      stoppedLanes.set(shown.id, { reason: 'lane-backing-off', ...(failingSinceMs && { since: iso(failingSinceMs) }) });
  }
  return { silentNodes, stoppedLanes };
}

/** These statuses say more than a risk. */
const worse: ReadonlySet<VolumeStatus> = new Set(['expired', 'failing', 'overdue']);

/** Why a volume's renewal is not certain; undefined if nothing speaks against it, or its status already says so. */
export function riskOf(
  { silentNodes, stoppedLanes }: RiskSources,
  volume: Pick<IndexedVolume, 'node'>,
  { status, laneId }: { readonly status: VolumeStatus; readonly laneId: string },
): Risk | undefined {
  return worse.has(status) ? undefined : (silentNodes.get(volume.node) ?? stoppedLanes.get(laneId));
}

/** The number of volumes at risk; it scans the fleet only if a node is silent or a lane is stopped. */
export function countAtRisk({ view, clock, policies }: RiskContext, sources: RiskSources): number {
  if (sources.silentNodes.size === 0 && sources.stoppedLanes.size === 0) return 0;
  let count = 0;
  view().scan(clock.now(), undefined, (volume, status) => {
    if (riskOf(sources, volume, { status, laneId: policies.laneOf(volume.issuer).id }) !== undefined) count += 1;
  });
  return count;
}
