import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import type {
  PodCertificate,
  PodCertificateOverview,
  PodCertificatePage,
} from '@certfleet/operator-api/pod-certificates.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { PodCertificateGroupTable } from '../groups/pod-certificate-group-table.tsx';
import { t } from '../messages/messages.ts';
import { podCertificateColumns } from '../pod-certificates/pod-certificate-columns.tsx';
import { PodCertificateRisk } from '../pod-certificates/pod-certificate-risk.tsx';
import { podCertificateSections } from '../pod-certificates/pod-certificate-risks.ts';
import {
  formatPodCertificatesView,
  parsePodCertificatesView,
  podCertificateGroupOf,
} from '../pod-certificates/pod-certificates-view.ts';
import type { PodCertificatesView } from '../pod-certificates/pod-certificates-view.ts';
import { countOf, usePodCertificates } from '../pod-certificates/use-pod-certificates.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Loaded } from '../ui/notice.tsx';
import { RunbookAdvice } from '../ui/risk-advice.tsx';
import type { VolumesView } from '../volumes/volumes-view.ts';

const texts = t.podCertificates.atRisk;

/** The filters that volumes and pod certificates have in common. */
const commonFilters = ['search', 'namespace', 'pod', 'workload', 'node', 'expiresBefore'] as const;

/**
 * The pod certificates at risk in a view of volumes; undefined if its group or one of its filters is for volumes only. The
 * words of a state or a risk are others for pod certificates, so only grouping by them is common.
 */
function atRiskIn({ group, filters, states }: VolumesView): PodCertificatesView | undefined {
  const by = podCertificateGroupOf(group ?? '');
  const isCommon = (name: string): boolean => commonFilters.some((each) => each === name);
  if (by !== group || states.length > 0 || !Object.keys(filters).every(isCommon)) return undefined;
  const all = parsePodCertificatesView('');
  return { ...all, group: by, filters: { ...filters, risk: 'any' } };
}

/** The pod certificates at risk that match the view; nothing if the controller does not follow any. */
export function PodCertificatesAtRisk({ view }: { readonly view: VolumesView }): JSX.Element | null {
  const { session } = useServices();
  const state = useStore(session.state);
  if (state.name !== 'signed-in' || state.session.showsPodCertificates !== true) return null;
  const wanted = atRiskIn(view);
  return (
    <section aria-labelledby="pod-certificates-at-risk">
      <h2 id="pod-certificates-at-risk">{texts.title}</h2>
      {wanted === undefined ? (
        <p class="dim">{texts.forVolumes(<a href="/pod-certificates?risk=any">{texts.showAll}</a>)}</p>
      ) : (
        <AtRisk view={wanted} />
      )}
    </section>
  );
}

function AtRisk({ view }: { readonly view: PodCertificatesView }): JSX.Element {
  const [groupSort, setGroupSort] = useState('expires');
  const shown = usePodCertificates(view, groupSort);
  const isBusy = shown.data === undefined;
  return (
    <Loaded resource={shown} keepsPrevious>
      {(found) => (
        <>
          <NotCurrent page={found.page} />
          {countOf(found) === 0 ? (
            found.page.following === 'current' && <p class="dim">{texts.none}</p>
          ) : found.by === undefined ? (
            <Rows view={view} page={found.page} isBusy={isBusy} />
          ) : (
            <PodCertificateGroupTable
              view={view}
              by={found.by}
              found={found.page}
              sort={groupSort}
              onSort={setGroupSort}
              isBusy={isBusy}
            />
          )}
          <Unknown count={found.page.byState.unknown} />
        </>
      )}
    </Loaded>
  );
}

function NotCurrent({ page: { following, problem } }: { readonly page: PodCertificateOverview }): JSX.Element | null {
  if (following === 'current') return null;
  return (
    <div class="notice" role="status">
      <Icon name="warning" />
      <p>{t.podCertificates.outdated(problem ?? texts.notLoaded)}</p>
    </div>
  );
}

interface RowsProps {
  readonly view: PodCertificatesView;
  readonly page: PodCertificatePage;
  readonly isBusy: boolean;
}

function Rows({ view, page: { certificates, total }, isBusy }: RowsProps): JSX.Element {
  return (
    <>
      <DataTable caption={texts.title} columns={columns} rows={certificates} keyOf={({ id }) => id} isBusy={isBusy} />
      {total > certificates.length && (
        <p>
          <a href={formatPodCertificatesView(view)}>{texts.more(total - certificates.length)}</a>
        </p>
      )}
    </>
  );
}

function Unknown({ count }: { readonly count: number }): JSX.Element | null {
  if (count === 0) return null;
  const link = (text: ComponentChildren): JSX.Element => <a href="/pod-certificates?state=unknown">{text}</a>;
  return <p class="dim">{texts.unknown({ count, link })}</p>;
}

const shownColumns: readonly string[] = ['namespace', 'pod', 'signer', 'expires', 'node'];

const columns: readonly Column<PodCertificate>[] = [
  ...podCertificateColumns
    .filter(({ name }) => shownColumns.includes(name))
    .map((column) => ({ ...column, isSortable: false })),
  {
    name: 'risk',
    title: t.fields.reason,
    cell: (certificate) => <PodCertificateRisk certificate={certificate} />,
  },
  {
    name: 'advice',
    title: t.common.whatToDo,
    cell: ({ risk }) =>
      risk && (
        <RunbookAdvice
          advice={t.podCertificates.risks[risk.reason].advice}
          section={podCertificateSections[risk.reason]}
        />
      ),
  },
];
