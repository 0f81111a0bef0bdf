import type { Renewal, RenewalPreview } from '@certfleet/operator-api/renewals.ts';
import type { RenewalPreview as Preview } from '../../dispatch/bulk-renewal.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import type { RenewalProgress } from '../../renewals/renewal-progress.ts';
import { iso } from './volume-row.ts';

const maxTallies = 100;
const maxNamed = 50;

export function toRenewalDto(progress: RenewalProgress): Renewal {
  const { createdAtMs, ...rest } = progress;
  return { ...rest, createdAt: iso(createdAtMs) };
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
