import type { Renewal, RenewalDetail, RenewalPreview } from '@certfleet/operator-api/renewals.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import type { RenewalPreview as Preview } from '../../dispatch/bulk-renewal.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import type { RenewalProgress } from '../../renewals/renewal-progress.ts';
import type { RenewalWork } from '../../renewals/renewal-work.ts';
import { iso } from './volume-row.ts';

const maxTallies = 100;
const maxNamed = 50;

export function toRenewalDto(progress: RenewalProgress): Renewal {
  const { createdAtMs, ...rest } = progress;
  return { ...rest, createdAt: iso(createdAtMs) };
}

/** A renewal without its progress. @param rowOf converts a pending volume */
export function toRenewalWorkDto(
  { atMs, perMinute, expectedEndMs, startedAt, endedAt, waiting, volumes }: RenewalWork,
  rowOf: (volume: IndexedVolume) => VolumeRow,
): Omit<RenewalDetail, keyof Renewal> {
  return {
    at: iso(atMs),
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(perMinute !== undefined && { perMinute }),
    ...(expectedEndMs !== undefined && { expectedEnd: iso(expectedEndMs) }),
    waiting: waiting.map(({ reason, count, untilMs }) => ({
      ...{ reason, count },
      ...(untilMs !== undefined && { until: iso(untilMs) }),
    })),
    volumes: volumes.map(rowOf),
  };
}

export function toPreviewDto(
  { skipped, byIssuer, byNode }: Preview,
  volumes: readonly IndexedVolume[],
  token: string,
): RenewalPreview {
  const shown = (tally: Preview['byNode']): RenewalPreview['byNode'] =>
    tally.slice(0, maxTallies).map(([value, of]) => ({ value, count: of }));
  return {
    dryRun: true,
    count: volumes.length,
    skipped,
    token,
    issuers: byIssuer.length,
    nodes: byNode.length,
    byIssuer: shown(byIssuer),
    byNode: shown(byNode),
    volumes: volumes
      .slice(0, maxNamed)
      .map(({ node, volumeId, namespace, pod }) => ({ node, volumeId, namespace, pod })),
  };
}
