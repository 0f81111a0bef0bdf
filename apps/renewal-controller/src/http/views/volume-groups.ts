import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { groupKeys } from '@certfleet/operator-api/vocabulary.ts';
import type { GroupQuery } from '@certfleet/operator-api/volume-query.ts';
import type { VolumeGroups } from '@certfleet/operator-api/volumes.ts';
import { issuerKey } from '../../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import { GroupTally } from '../../fleet-index/query/group-tally.ts';
import { exactName } from '../../fleet-index/query/name-pattern.ts';
import { bothCriteria, volumeFilter } from '../../fleet-index/query/volume-filter.ts';
import { labelOf, workloadKey } from '../../fleet-index/query/workload-criteria.ts';
import { riskCriterion, riskReasonBy, riskSources } from './volume-risk.ts';
import type { RiskContext } from './volume-risk.ts';

type Values = (volume: IndexedVolume, status: VolumeStatus, risk: string) => readonly string[];

const noValue: readonly string[] = [''];

/** The groups of a volume. */
const valuesBy: Readonly<Record<(typeof groupKeys)[number], Values>> = {
  namespace: ({ namespace }) => [namespace],
  workload: (volume) => [workloadKey(volume)],
  issuer: ({ issuer }) => [issuerKey(issuer)],
  node: ({ node }) => [node],
  ca: ({ certificate }) => {
    const { caFingerprints = [] } = certificate ?? {};
    // A CA file may contain a certificate twice.
    return caFingerprints.length === 0 ? noValue : [...new Set(caFingerprints)];
  },
  state: (_volume, status) => [status],
  risk: (_volume, _status, risk) => [risk],
};

const labelPrefix = 'label:';

/** The groups by a property that the schema has accepted. */
function valuesFor(by: string): Values {
  const key = groupKeys.find((each) => each === by);
  if (key !== undefined) return valuesBy[key];
  const label = by.slice(labelPrefix.length);
  return (volume) => [labelOf(volume, label) ?? ''];
}

/** Groups the volumes that match a filter, in one pass over the fleet. */
export async function volumeGroups(
  context: RiskContext,
  { by, sort, limit, risk, ...filter }: GroupQuery,
): Promise<VolumeGroups> {
  const { view, clock } = context;
  const risks = await riskSources(context);
  const matches = bothCriteria(volumeFilter(filter), riskCriterion(context, risks, risk));
  const reasonOf = riskReasonBy(context, risks);
  const tally = new GroupTally();
  const valuesOf = valuesFor(by);
  let volumes = 0;
  view().scan(clock.now(), exactName(filter.node), (volume, status) => {
    if (!matches(volume, status)) return;
    volumes += 1;
    const reason = reasonOf(volume, status);
    for (const value of valuesOf(volume, status, reason ?? '')) {
      tally.add(value, reason !== undefined, volume.certificate?.notAfterMs);
    }
  });
  return { ...tally.first(limit, sort), volumes };
}
