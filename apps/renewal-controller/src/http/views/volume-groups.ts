import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { groupKeys } from '@certfleet/operator-api/vocabulary.ts';
import type { GroupQuery } from '@certfleet/operator-api/volume-query.ts';
import type { VolumeGroups } from '@certfleet/operator-api/volumes.ts';
import { issuerKey } from '../../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import { exactName } from '../../fleet-index/query/name-pattern.ts';
import { TopN } from '../../fleet-index/query/top-n.ts';
import { bothCriteria, volumeFilter } from '../../fleet-index/query/volume-filter.ts';
import { labelOf, workloadKey } from '../../fleet-index/query/workload-criteria.ts';
import { riskCriterion, riskReasonBy, riskSources } from './volume-risk.ts';
import type { RiskContext } from './volume-risk.ts';
import { iso } from './volume-row.ts';

class Group {
  readonly value: string;
  count = 0;
  atRisk = 0;
  soonestMs = Infinity;

  constructor(value: string) {
    this.value = value;
  }
}

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

const byValue = (a: Group, b: Group): number => (a.value < b.value ? -1 : 1);

const orders: Readonly<Record<NonNullable<GroupQuery['sort']>, (a: Group, b: Group) => number>> = {
  count: (a, b) => b.count - a.count || byValue(a, b),
  'at-risk': (a, b) => b.atRisk - a.atRisk || byValue(a, b),
  // Two groups without an expiry differ by Infinity - Infinity, which is not a number.
  expires: (a, b) => (a.soonestMs === b.soonestMs ? byValue(a, b) : a.soonestMs < b.soonestMs ? -1 : 1),
  value: byValue,
};

/** Groups the volumes that match a filter, in one pass over the fleet. */
export async function volumeGroups(
  context: RiskContext,
  { by, sort = 'count', limit, risk, ...filter }: GroupQuery,
): Promise<VolumeGroups> {
  const { view, clock } = context;
  const risks = await riskSources(context);
  const matches = bothCriteria(volumeFilter(filter), riskCriterion(context, risks, risk));
  const reasonOf = riskReasonBy(context, risks);
  const groups = new Map<string, Group>();
  const valuesOf = valuesFor(by);
  let volumes = 0;
  view().scan(clock.now(), exactName(filter.node), (volume, status) => {
    if (!matches(volume, status)) return;
    volumes += 1;
    const reason = reasonOf(volume, status);
    for (const value of valuesOf(volume, status, reason ?? '')) {
      let group = groups.get(value);
      if (group === undefined) groups.set(value, (group = new Group(value)));
      group.count += 1;
      if (reason !== undefined) group.atRisk += 1;
      group.soonestMs = Math.min(group.soonestMs, volume.certificate?.notAfterMs ?? Infinity);
    }
  });
  const first = new TopN<Group>(limit, orders[sort]);
  for (const group of groups.values()) first.offer(group);
  return { groups: first.sorted().map(toGroupDto), total: groups.size, volumes };
}

function toGroupDto({ value, count, atRisk, soonestMs }: Group): VolumeGroups['groups'][number] {
  return { value, count, atRisk, ...(soonestMs !== Infinity && { soonestExpiry: iso(soonestMs) }) };
}
