import type { ComponentChildren, JSX } from 'preact';
import { Icon } from './icon.tsx';

/** A column of a table of rows. */
export interface Column<Row> {
  readonly name: string;
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Whether a click on its head sorts by it. */
  readonly isSortable?: boolean;
  readonly isNumber?: boolean;
}

/** By what a table is sorted. */
export interface Sorting {
  readonly by: string;
  readonly order: 'asc' | 'desc';
  readonly onSort: (by: string) => void;
}

/** What a table is given. */
export interface DataTableProps<Row> {
  /** Says what the rows are. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly sorting?: Sorting;
  /** Whether other rows are on their way. */
  readonly isBusy?: boolean;
  /** Whether columns keep the widths of the style sheet, and cut what does not fit, whatever the rows hold. */
  readonly isFixed?: boolean;
  /** Boxes before the rows. */
  readonly selection?: TableSelection;
}

/** Which rows are picked. */
export interface TableSelection {
  readonly picked: ReadonlySet<string>;
  readonly onPick: (keys: readonly string[], isPicked: boolean) => void;
  readonly nameOf: (key: string) => string;
}

/** More are not seen at once on a laptop: the table scrolls then. */
const maxColumns = 10;

// The roles are said besides: on a narrow screen rows are laid out as cards, upon which browsers forget them.

/** A table of rows; each becomes a card where there is no room for columns. */
export function DataTable<Row>(props: DataTableProps<Row>): JSX.Element {
  const { caption, columns, rows, keyOf, sorting, isBusy = false, isFixed = false, selection } = props;
  const isWide = columns.length > maxColumns;
  const layout = isFixed && !isWide ? 'fixed' : '';
  return (
    <div class={isWide ? 'table-frame wide' : 'table-frame'}>
      <table role="table" class={isBusy ? `busy ${layout}` : layout} aria-busy={isBusy}>
        <caption class="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {selection && <PickAll keys={rows.map(keyOf)} selection={selection} />}
            {columns.map((column) => (
              <Head key={column.name} column={column} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => {
            const key = keyOf(row);
            return (
              <tr role="row" key={key} class={selection?.picked.has(key) ? 'picked' : undefined}>
                {selection && <Pick rowKey={key} selection={selection} />}
                {columns.map(({ name, title, cell, isNumber }) => (
                  <td role="cell" key={name} data-label={title} class={`col-${name}${isNumber ? ' number' : ''}`}>
                    {cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface HeadProps {
  readonly column: Pick<Column<never>, 'name' | 'title' | 'isSortable' | 'isNumber'>;
  readonly sorting: Sorting | undefined;
}

function Head({ column: { name, title, isSortable, isNumber }, sorting }: HeadProps): JSX.Element {
  const kind = `col-${name}${isNumber ? ' number' : ''}`;
  if (!isSortable || sorting === undefined) {
    return (
      <th role="columnheader" scope="col" class={kind}>
        {title}
      </th>
    );
  }
  const { by, order, onSort } = sorting;
  const isSorted = by === name;
  return (
    <th
      role="columnheader"
      scope="col"
      class={kind}
      aria-sort={isSorted ? (order === 'asc' ? 'ascending' : 'descending') : 'none'}
    >
      <button type="button" class="sort" onClick={() => onSort(name)}>
        {title}
        <span class={isSorted ? 'sort-mark' : 'sort-mark idle'}>
          <Icon name={isSorted && order === 'desc' ? 'down' : 'up'} />
        </span>
      </button>
    </th>
  );
}

function PickAll({
  keys,
  selection,
}: {
  readonly keys: readonly string[];
  readonly selection: TableSelection;
}): JSX.Element {
  const count = keys.filter((key) => selection.picked.has(key)).length;
  const areAll = count > 0 && count === keys.length;
  return (
    <td role="cell" class="pick">
      <input
        type="checkbox"
        aria-label="Select all rows of this page"
        checked={areAll}
        indeterminate={count > 0 && !areAll}
        onChange={() => selection.onPick(keys, !areAll)}
      />
    </td>
  );
}

function Pick({ rowKey, selection }: { readonly rowKey: string; readonly selection: TableSelection }): JSX.Element {
  const isPicked = selection.picked.has(rowKey);
  return (
    <td role="cell" class="pick">
      <input
        type="checkbox"
        aria-label={`Select ${selection.nameOf(rowKey)}`}
        checked={isPicked}
        onChange={() => selection.onPick([rowKey], !isPicked)}
      />
    </td>
  );
}
