import type { Renewal, RenewalPreview } from '@certfleet/operator-api/renewals.ts';
import type { BulkRenewal, RenewalPreview as Preview } from '../../dispatch/bulk-renewal.ts';
import { iso } from './volume-row.ts';

const maxTallies = 100;

export function toRenewalDto(bulk: BulkRenewal): Renewal {
  const { createdAtMs, ...rest } = bulk;
  return { ...rest, createdAt: iso(createdAtMs) };
}

export function toPreviewDto({ count, skipped, byIssuer, byNode }: Preview): RenewalPreview {
  const shown = (tally: Preview['byNode']): RenewalPreview['byNode'] =>
    tally.slice(0, maxTallies).map(([value, of]) => ({ value, count: of }));
  return { dryRun: true, count, skipped, byIssuer: shown(byIssuer), byNode: shown(byNode) };
}
