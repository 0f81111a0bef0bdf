import type { CaHistory } from '@certfleet/operator-api/cas.ts';
import { countCas } from '../../fleet-index/view/ca-history.ts';
import type { CaHour } from '../../fleet-index/view/ca-history.ts';
import type { ApiContext } from '../routes/api-context.ts';
import { iso } from './volume-row.ts';

const hourMs = 3_600_000;
/** CAs in the answer; more lines are not readable in a chart. */
const maxCas = 8;

export type CaShareContext = Pick<ApiContext, 'view' | 'clock' | 'caHistory'>;

/**
 * The volumes by CA and hour of the past week. The last hour is counted now, so that it agrees with the list of CAs.
 * @param subjectOf the subject of a CA, if an agent has sent the certificate
 */
export async function caShare(
  { view, clock, caHistory }: CaShareContext,
  subjectOf: (fingerprint: string) => string | undefined,
): Promise<CaHistory> {
  const currentMs = Math.floor(clock.now() / hourMs) * hourMs;
  const earlier = (await caHistory.hours()).filter(({ fromMs }) => fromMs < currentMs);
  const hours: readonly CaHour[] = [...earlier, { fromMs: currentMs, ...countCas(view().volumes()) }];
  return {
    hours: hours.map(({ fromMs, volumes }) => ({ from: iso(fromMs), volumes })),
    cas: largestShares(hours).map((fingerprint) => {
      const subject = subjectOf(fingerprint);
      return {
        fingerprint,
        ...(subject !== undefined && { subject }),
        counts: hours.map(({ cas }) => cas.get(fingerprint) ?? 0),
      };
    }),
  };
}

/** The CAs that had the largest share of the fleet in any hour. */
function largestShares(hours: readonly CaHour[]): readonly string[] {
  const shares = new Map<string, number>();
  for (const { volumes, cas } of hours)
    for (const [fingerprint, count] of cas)
      shares.set(fingerprint, Math.max(shares.get(fingerprint) ?? 0, count / Math.max(1, volumes)));
  return [...shares]
    .sort(([a, shareA], [b, shareB]) => shareB - shareA || (a < b ? -1 : 1))
    .slice(0, maxCas)
    .map(([fingerprint]) => fingerprint);
}
