import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RenewalRequest } from '@certfleet/operator-api/renewals.ts';
import type { VolumePage } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { PodCertificatesAtRisk } from '../at-risk/pod-certificates-at-risk.tsx';
import { VolumeGroupTable } from '../groups/volume-group-table.tsx';
import { t } from '../messages/messages.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { ActionButton } from '../ui/action-button.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { volumeColumns } from './columns.tsx';
import { CopyCommand } from './copy-command.tsx';
import { FilterBar } from './filter-bar.tsx';
import { getPods } from './kubectl-command.ts';
import { PickedList } from './picked-list.tsx';
import { RowDetails } from './row-details.tsx';
import { keyOfVolume, selectionOf, useSelection } from './selection.ts';
import type { Selection } from './selection.ts';
import { TableTools } from './table-tools.tsx';
import { useVolumes } from './use-volumes.ts';
import type { VolumesTable } from './use-volumes.ts';
import { apiFilter, refine, riskOfView } from './volumes-view.ts';
import type { TablePath, VolumeSort, VolumesView } from './volumes-view.ts';

type Wanted = RenewalRequest['selection'];

const texts = t.volumes;

const titles: Readonly<Record<TablePath, string>> = {
  '/volumes': t.views.volumes,
  '/at-risk': t.views.atRisk,
};

/** The main table of operators, or the part of it that is at risk. */
export function VolumesPage({ path }: { readonly path: TablePath }): JSX.Element {
  const { serverClock } = useServices();
  const table = useVolumes(path);
  const selection = useSelection();
  const [renewing, setRenewing] = useState<Wanted | undefined>(undefined);
  const { view, rows, show } = table;
  const renewMatching = (): void => {
    const query = apiFilter(view, serverClock.now());
    setRenewing(Object.keys(query).length === 0 ? {} : { query });
  };
  if (view.problems.length > 0) return <UnusableAddress view={view} onShow={show} />;
  return (
    <>
      <PageHead title={titles[path]}>
        <TableTools view={view} onChange={show} />
        <ActionButton
          on={rows}
          onClick={renewMatching}
          unavailable={riskOfView(view) === undefined ? undefined : texts.riskIsNoCriterion}
        >
          {rows.data && rows.isCurrent ? texts.renewMatchingCount(rows.data.total) : texts.renewMatching}
        </ActionButton>
      </PageHead>
      <FilterBar view={view} onChange={show} />
      {view.group === undefined ? (
        <Loaded resource={rows} keepsPrevious>
          {(page) => <Rows page={page} table={table} selection={selection} />}
        </Loaded>
      ) : (
        <VolumeGroupTable key={view.group} view={view} by={view.group} />
      )}
      {path === '/at-risk' && <PodCertificatesAtRisk view={view} />}
      {selection.picked.size > 0 && (
        <div class="selection-bar" role="region" aria-label={texts.selection.title}>
          <strong>{texts.selection.count(selection.picked.size)}</strong>
          <PickedList selection={selection} />
          <CopyCommand command={getPods([...selection.picked.values()])} title={texts.tools.copyKubectl} look="quiet" />
          <ActionButton
            on={rows}
            primary
            onClick={() => setRenewing({ volumes: selection.volumes })}
            unavailable={selection.excess}
          >
            {texts.selection.renew}
          </ActionButton>
          <button type="button" class="quiet" onClick={selection.clear}>
            {texts.selection.clear}
          </button>
        </div>
      )}
      {renewing && (
        <RenewDialog selection={renewing} onClose={() => setRenewing(undefined)} onRenewed={selection.clear} />
      )}
    </>
  );
}

/** Nothing is shown or offered for an address that is only partly understood. */
function UnusableAddress({
  view,
  onShow,
}: {
  readonly view: VolumesView;
  readonly onShow: (view: VolumesView) => void;
}) {
  return (
    <>
      <PageHead title={titles[view.path]} />
      <div class="notice notice-critical" role="alert">
        <Icon name="critical" />
        <div>
          <p>{t.common.unusableFilter({ filter: <code>{view.problems.join(' ')}</code> })}</p>
          <p class="dim">{texts.unusableAdvice}</p>
        </div>
        <button type="button" onClick={() => onShow(refine(view, { filters: {}, states: [] }))}>
          {texts.showAll}
        </button>
      </div>
    </>
  );
}

interface RowsProps {
  readonly page: VolumePage;
  readonly table: VolumesTable;
  readonly selection: Selection;
}

function Rows({ page, table, selection }: RowsProps): JSX.Element {
  const { view, rows, show } = table;
  const { tables } = useServices();
  const { isCompact, widths } = useStore(tables.remembered);
  if (page.volumes.length === 0) return <NoRows table={table} />;
  const sort = (by: string): void =>
    show(refine(view, { sort: by as VolumeSort, order: by === view.sort && view.order === 'asc' ? 'desc' : 'asc' }));
  return (
    <>
      <DataTable
        caption={texts.caption}
        columns={view.columns.map((name) => ({ name, ...volumeColumns[name] }))}
        rows={page.volumes}
        keyOf={keyOfVolume}
        sorting={{ by: view.sort, order: view.order, onSort: sort }}
        isFixed
        isCompact={isCompact}
        sizes={{ widths: widths[view.path] ?? {}, onChange: (changed) => tables.chooseWidths(view.path, changed) }}
        isBusy={rows.data === undefined}
        selection={selectionOf(selection, page.volumes)}
        detailsOf={(row) => <RowDetails row={row} />}
      />
      <Pager page={page} table={table} />
    </>
  );
}

function NoRows({ table: { view, show } }: { readonly table: VolumesTable }): JSX.Element {
  if (view.path === '/at-risk') {
    return (
      <Empty title={texts.noneAtRisk}>
        <p>{texts.noneAtRiskText}</p>
      </Empty>
    );
  }
  const isFiltered = view.states.length > 0 || Object.keys(view.filters).length > 0;
  if (!isFiltered) {
    return (
      <Empty title={texts.none}>
        <p>{texts.noneText}</p>
      </Empty>
    );
  }
  return (
    <Empty title={t.common.noResults}>
      <p>{texts.noResultsText}</p>
      <button type="button" onClick={() => show(refine(view, { filters: {}, states: [] }))}>
        {t.common.clearFilters}
      </button>
    </Empty>
  );
}

function Pager({ page, table }: Omit<RowsProps, 'selection'>): JSX.Element {
  const first = page.offset + 1;
  return (
    <nav class="pager" aria-label={t.common.pages}>
      <span class="dim">{texts.range({ first, last: first + page.volumes.length - 1, total: page.total })}</span>
      <button type="button" onClick={table.goBack} disabled={table.goBack === undefined}>
        <Icon name="left" /> {t.common.previous}
      </button>
      <button type="button" onClick={table.goNext} disabled={table.goNext === undefined}>
        {t.common.next} <Icon name="right" />
      </button>
    </nav>
  );
}
