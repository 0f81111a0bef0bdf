import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { PodCertificateOverview, PodCertificatePage } from '@certfleet/operator-api/pod-certificates.ts';
import { podCertificateGroupKeys } from '@certfleet/operator-api/vocabulary.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { GroupSelect } from '../groups/group-select.tsx';
import { PodCertificateGroupTable } from '../groups/pod-certificate-group-table.tsx';
import { t } from '../messages/messages.ts';
import { DataTable } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { ColumnsMenu } from '../volumes/columns-menu.tsx';
import { ViewsMenu } from '../volumes/views-menu.tsx';
import { isPodCertificateColumn } from './pod-certificate-column-names.ts';
import { podCertificateColumns } from './pod-certificate-columns.tsx';
import { PodCertificateDetails } from './pod-certificate-details.tsx';
import { PodCertificateFilters } from './pod-certificate-filters.tsx';
import { formatPodCertificatesView, parsePodCertificatesView, withSort } from './pod-certificates-view.ts';
import type { PodCertificatesView } from './pod-certificates-view.ts';
import { countOf, usePodCertificates } from './use-pod-certificates.ts';

const texts = t.podCertificates;
const title = t.views.podCertificates;
const path = '/pod-certificates';

/** The certificates that kubelets request for pods, whoever signs them. */
export function PodCertificatesPage(): JSX.Element {
  const { tables } = useServices();
  const remembered = useStore(tables.remembered).columns[path];
  const { search } = usePlace();
  const view = useMemo(
    () => parsePodCertificatesView(search, remembered?.filter(isPodCertificateColumn)),
    [search, remembered],
  );
  return view.problems.length > 0 ? <UnusableAddress problems={view.problems} /> : <Table view={view} />;
}

function UnusableAddress({ problems }: { readonly problems: readonly string[] }): JSX.Element {
  return (
    <>
      <PageHead title={title} />
      <div class="notice notice-critical" role="alert">
        <Icon name="critical" />
        <p>
          {t.common.unusableFilterShow({
            filter: <code>{problems.join(' ')}</code>,
            showAll: <a href="/pod-certificates">{texts.showAll}</a>,
          })}
        </p>
      </div>
    </>
  );
}

function Table({ view }: { readonly view: PodCertificatesView }): JSX.Element {
  const { router } = useServices();
  const [groupSort, setGroupSort] = useState('count');
  const shown = usePodCertificates(view, groupSort);
  const { data } = shown;
  const page = (data ?? shown.previous)?.page;
  const isFollowed = page?.following !== 'off';
  const go = (changed: PodCertificatesView): void => router.go(formatPodCertificatesView(changed), { replace: true });
  return (
    <>
      <PageHead
        title={title}
        aside={data && isFollowed && <span class="dim">{t.counts.certificates(countOf(data))}</span>}
      >
        {isFollowed && <Tools view={view} onChange={go} />}
      </PageHead>
      {isFollowed && <PodCertificateFilters view={view} page={page} onChange={go} />}
      <Loaded resource={shown} keepsPrevious>
        {(found) => (
          <>
            <FollowingNotice page={found.page} />
            {found.by === undefined ? (
              <Rows view={view} page={found.page} isBusy={data === undefined} onChange={go} />
            ) : found.page.groups.length === 0 ? (
              <NoRows view={view} page={found.page} />
            ) : (
              <PodCertificateGroupTable
                view={view}
                by={found.by}
                found={found.page}
                sort={groupSort}
                onSort={setGroupSort}
                isBusy={data === undefined}
              />
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

interface ToolsProps {
  readonly view: PodCertificatesView;
  readonly onChange: (view: PodCertificatesView) => void;
}

/** Saved views, groups and columns. */
function Tools({ view, onChange }: ToolsProps): JSX.Element {
  const { router } = useServices();
  return (
    <>
      <ViewsMenu path={path} />
      <GroupSelect
        value={view.group}
        offered={podCertificateGroupKeys.map((key) => [key, t.groups.by[key]])}
        onChoose={(group) => router.go(formatPodCertificatesView({ ...view, group, after: undefined }))}
      />
      <ColumnsMenu
        path={path}
        columns={podCertificateColumns}
        shown={view.columns}
        onChange={(columns) => onChange({ ...view, columns })}
      />
    </>
  );
}

/** Why rows may be missing or outdated. */
function FollowingNotice({
  page: { following, problem },
}: {
  readonly page: PodCertificateOverview;
}): JSX.Element | null {
  if (following !== 'outdated' && (following !== 'loading' || problem === undefined)) return null;
  return (
    <div class="notice" role="status">
      <Icon name="warning" />
      <p>{texts.outdated(problem ?? '')}</p>
    </div>
  );
}

interface RowsProps {
  readonly view: PodCertificatesView;
  readonly page: PodCertificatePage;
  readonly isBusy: boolean;
  readonly onChange: (view: PodCertificatesView) => void;
}

function Rows({ view, page, isBusy, onChange }: RowsProps): JSX.Element {
  const { tables } = useServices();
  const { isCompact, widths } = useStore(tables.remembered);
  const { certificates, next } = page;
  if (certificates.length === 0) return <NoRows view={view} page={page} />;
  return (
    <>
      <DataTable
        caption={title}
        columns={podCertificateColumns.filter(({ name }) => view.columns.includes(name))}
        rows={certificates}
        keyOf={({ id }) => id}
        detailsOf={(certificate) => <PodCertificateDetails certificate={certificate} />}
        nameOf={({ pod }) => pod}
        isBusy={isBusy}
        isCompact={isCompact}
        sizes={{ widths: widths[path] ?? {}, onChange: (changed) => tables.chooseWidths(path, changed) }}
        sorting={{ by: view.sort, order: view.order, onSort: (by) => onChange(withSort(view, by)) }}
      />
      <nav class="pager" aria-label={t.common.pages}>
        {view.after !== undefined && (
          <a href={formatPodCertificatesView({ ...view, after: undefined })}>{t.common.firstPage}</a>
        )}
        {next !== undefined && <a href={formatPodCertificatesView({ ...view, after: next })}>{t.common.next}</a>}
      </nav>
    </>
  );
}

interface NoRowsProps {
  readonly view: PodCertificatesView;
  readonly page: PodCertificateOverview;
}

function NoRows({ view, page }: NoRowsProps): JSX.Element {
  if (page.following === 'off')
    return (
      <Empty title={texts.notFollowed}>
        <p>{texts.notFollowedText(<code>controller.podCertificates.enabled</code>)}</p>
      </Empty>
    );
  if (page.following === 'loading') return <Empty title={texts.notLoaded} />;
  if (view.states.length > 0 || Object.keys(view.filters).length > 0) return <Empty title={t.common.noResults} />;
  return (
    <Empty title={texts.none}>
      <p>
        {texts.noneText((text) => (
          <a href="/volumes">{text}</a>
        ))}
      </p>
    </Empty>
  );
}
