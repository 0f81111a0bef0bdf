import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RenewalRequest } from '@certfleet/operator-api/renewals.ts';
import type { VolumePage } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { PodCertificatesAtRisk } from '../at-risk/pod-certificates-at-risk.tsx';
import { GroupTable } from '../groups/group-table.tsx';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { ActionButton } from '../ui/action-button.tsx';
import { counted, formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { volumeColumns } from './columns.tsx';
import { FilterBar } from './filter-bar.tsx';
import { PickedList } from './picked-list.tsx';
import { RowDetails } from './row-details.tsx';
import { keyOfVolume, useSelection } from './selection.ts';
import type { Selection } from './selection.ts';
import { TableTools } from './table-tools.tsx';
import { useVolumes } from './use-volumes.ts';
import type { VolumesTable } from './use-volumes.ts';
import { apiFilter, refine, riskOfView } from './volumes-view.ts';
import type { TablePath, VolumeSort, VolumesView } from './volumes-view.ts';

type Wanted = RenewalRequest['selection'];

const titles: Readonly<Record<TablePath, string>> = { '/volumes': 'Volumes', '/at-risk': 'At risk' };

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
          unavailable={
            riskOfView(view) === undefined
              ? undefined
              : 'A risk is no criterion of a renewal: select the volumes, or filter by state.'
          }
        >
          Renew all that match{rows.data && rows.isCurrent ? ` (${formatCount(rows.data.total)})` : ''}…
        </ActionButton>
      </PageHead>
      <FilterBar view={view} onChange={show} />
      {view.group === undefined ? (
        <Loaded resource={rows} keepsPrevious>
          {(page) => <Rows page={page} table={table} selection={selection} />}
        </Loaded>
      ) : (
        <GroupTable key={view.group} view={view} by={view.group} />
      )}
      {path === '/at-risk' && <PodCertificatesAtRisk view={view} />}
      {selection.picked.size > 0 && (
        <div class="selection-bar" role="region" aria-label="Selection">
          <strong>{counted(selection.picked.size, 'volume')} selected</strong>
          <PickedList selection={selection} />
          <ActionButton
            on={rows}
            primary
            onClick={() => setRenewing({ volumes: selection.volumes })}
            unavailable={selection.excess}
          >
            Renew selected…
          </ActionButton>
          <button type="button" class="quiet" onClick={selection.clear}>
            Clear selection
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
          <p>
            The address has a filter that is unknown or has an unusable value: <code>{view.problems.join(' ')}</code>
          </p>
          <p class="dim">Correct it in the address, or show the volumes without it.</p>
        </div>
        <button type="button" onClick={() => onShow(refine(view, { filters: {}, states: [] }))}>
          Show all volumes
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
        caption="Volumes and the renewal of their certificates"
        columns={view.columns.map((name) => ({ name, ...volumeColumns[name] }))}
        rows={page.volumes}
        keyOf={keyOfVolume}
        sorting={{ by: view.sort, order: view.order, onSort: sort }}
        isFixed
        isCompact={isCompact}
        sizes={{ widths: widths[view.path] ?? {}, onChange: (changed) => tables.chooseWidths(view.path, changed) }}
        isBusy={rows.data === undefined}
        selection={selection}
        detailsOf={(row) => <RowDetails row={row} />}
      />
      <Pager page={page} table={table} />
    </>
  );
}

function NoRows({ table: { view, show } }: { readonly table: VolumesTable }): JSX.Element {
  if (view.path === '/at-risk') {
    return (
      <Empty title="No volume is at risk">
        <p>Nothing prevents the renewal of the volumes that match.</p>
      </Empty>
    );
  }
  const isFiltered = view.states.length > 0 || Object.keys(view.filters).length > 0;
  if (!isFiltered) {
    return (
      <Empty title="No volumes yet">
        <p>Pods with a volume of the driver csi.cert-manager.io appear here when their node reports them.</p>
      </Empty>
    );
  }
  return (
    <Empty title="No results">
      <p>Clear a filter to see more volumes.</p>
      <button type="button" onClick={() => show(refine(view, { filters: {}, states: [] }))}>
        Clear filters
      </button>
    </Empty>
  );
}

function Pager({ page, table }: Omit<RowsProps, 'selection'>): JSX.Element {
  const first = page.offset + 1;
  return (
    <nav class="pager" aria-label="Pages">
      <span class="dim">
        {formatCount(first)}–{formatCount(first + page.volumes.length - 1)} of {formatCount(page.total)}
      </span>
      <button type="button" onClick={table.goBack} disabled={table.goBack === undefined}>
        <Icon name="left" /> Previous
      </button>
      <button type="button" onClick={table.goNext} disabled={table.goNext === undefined}>
        Next <Icon name="right" />
      </button>
    </nav>
  );
}
