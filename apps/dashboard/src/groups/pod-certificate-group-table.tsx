import type { JSX } from 'preact';
import type { PodCertificateGroups } from '@certfleet/operator-api/pod-certificates.ts';
import type {
  PodCertificateGroupKey,
  PodCertificateRiskReason,
  PodCertificateState,
} from '@certfleet/operator-api/vocabulary.ts';
import { t } from '../messages/messages.ts';
import { formatPodCertificatesView, ofPodCertificateGroup } from '../pod-certificates/pod-certificates-view.ts';
import type { PodCertificatesView } from '../pod-certificates/pod-certificates-view.ts';
import { GroupTable } from './group-table.tsx';
import type { GroupTexts } from './group-table.tsx';

export interface PodCertificateGroupTableProps {
  readonly view: PodCertificatesView;
  readonly by: PodCertificateGroupKey;
  readonly found: PodCertificateGroups;
  readonly sort: string;
  readonly onSort: (by: string) => void;
  readonly isBusy: boolean;
}

/** The groups of the pod certificates of a table. */
export function PodCertificateGroupTable(props: PodCertificateGroupTableProps): JSX.Element {
  const { view, by, found, sort, onSort, isBusy } = props;
  return (
    <GroupTable
      groups={found.groups}
      texts={textsOf(by, found)}
      sort={sort}
      onSort={onSort}
      isBusy={isBusy}
      nameOf={(value) => {
        const target = ofPodCertificateGroup(view, by, value);
        return { name: nameOf(by, value), href: target && formatPodCertificatesView(target) };
      }}
    />
  );
}

function textsOf(by: PodCertificateGroupKey, found: PodCertificateGroups): GroupTexts {
  const { certificates, total, groups } = found;
  const counts = { certificates, groups: total };
  const shown = groups.length;
  return {
    caption: t.groups.podCertificateCaptions[by],
    property: t.fields[by],
    rows: t.views.podCertificates,
    total:
      total > shown
        ? t.groups.totalOfFirstPodCertificates({ ...counts, shown })
        : t.groups.totalOfPodCertificates(counts),
  };
}

/** What rows without a value have in common. */
const noValues: Readonly<Partial<Record<PodCertificateGroupKey, string>>> = {
  node: t.groups.noNode,
  risk: t.groups.noRisk,
};

function nameOf(by: PodCertificateGroupKey, value: string): string {
  if (value === '') return noValues[by] ?? t.groups.noValue;
  if (by === 'state') return t.podCertificates.states[value as PodCertificateState].title;
  return by === 'risk' ? t.podCertificates.risks[value as PodCertificateRiskReason].title : value;
}
