import { Fragment } from 'preact';
import type { ComponentChildren, JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { t } from '../messages/messages.ts';
import { ColumnHandle, headStyle, tableStyle } from './column-handle.tsx';
import type { ColumnSizes } from './column-handle.tsx';
import { Icon } from './icon.tsx';
import { keysBetween } from './picked-range.ts';

export interface Column<Row> {
  readonly name: string;
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Whether a click on the header sorts by this column. */
  readonly isSortable?: boolean;
  readonly isNumber?: boolean;
}

export interface Sorting {
  readonly by: string;
  readonly order: 'asc' | 'desc';
  readonly onSort: (by: string) => void;
}

export interface DataTableProps<Row> {
  /** Describes the rows. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly sorting?: Sorting;
  /** Whether other rows are loading. */
  readonly isBusy?: boolean;
  /** Fixed columns keep the widths of the style sheet and truncate their content. */
  readonly isFixed?: boolean;
  /** Whether the rows are as low as their text. */
  readonly isCompact?: boolean;
  /** The user can change the widths of the columns, which are then fixed. */
  readonly sizes?: ColumnSizes;
  /** Check boxes for the rows. */
  readonly selection?: TableSelection;
  /** More about a row, shown below it on request. */
  readonly detailsOf?: (row: Row) => ComponentChildren;
  /** Names a row for screen readers; for details without `selection`, which has names too. */
  readonly nameOf?: (row: Row) => string;
}

export interface TableSelection {
  readonly picked: Pick<ReadonlySet<string>, 'has'>;
  readonly onPick: (keys: readonly string[], isPicked: boolean) => void;
  readonly nameOf: (key: string) => string;
}

/** More columns do not fit on a laptop: the table then scrolls. */
const maxColumns = 10;

// Explicit roles: on a narrow screen rows are laid out as cards, and browsers then drop the implicit ones.

/** A table of rows; on narrow screens each row becomes a card. */
export function DataTable<Row>(props: DataTableProps<Row>): JSX.Element {
  const { caption, columns, rows, keyOf, sorting, isBusy = false, selection, sizes } = props;
  const { opened, toggle } = useOpened();
  const { frame, layout, style } = layoutOf(props);
  const keys = rows.map(keyOf);
  const pick = usePick(keys, selection);
  return (
    <div class={frame}>
      <table role="table" class={isBusy ? `busy ${layout}` : layout} aria-busy={isBusy} style={style}>
        <caption class="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {selection && <PickAll keys={keys} selection={selection} />}
            {!selection && props.detailsOf && <td role="cell" class="pick" />}
            {columns.map((column, index) => (
              // The last column gets the rest of the width.
              <Head
                key={column.name}
                column={column}
                sorting={sorting}
                sizes={index === columns.length - 1 ? undefined : sizes}
              />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => {
            const key = keyOf(row);
            const isOpen = opened.has(key);
            const details = props.detailsOf && { isOpen, onToggle: () => toggle(key) };
            return (
              <Fragment key={key}>
                <tr role="row" class={selection?.picked.has(key) ? 'picked' : undefined}>
                  {selection && <Pick rowKey={key} selection={selection} onPick={pick} details={details} />}
                  {!selection && details && (
                    <td role="cell" class="pick">
                      <DetailsToggle name={props.nameOf?.(row) ?? key} details={details} />
                    </td>
                  )}
                  {columns.map(({ name, title, cell, isNumber }) => (
                    <td role="cell" key={name} data-label={title} class={`col-${name}${isNumber ? ' number' : ''}`}>
                      {cell(row)}
                    </td>
                  ))}
                </tr>
                {isOpen && (
                  <tr role="row" class="details">
                    <td role="cell" colSpan={columns.length + 1}>
                      {props.detailsOf?.(row)}
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** The classes of the frame and of the table, and the style of a table whose columns have widths. */
function layoutOf<Row>({ columns, isFixed = false, isCompact = false, sizes }: DataTableProps<Row>) {
  const names = columns.map(({ name }) => name);
  const isSized = sizes !== undefined && names.some((name) => sizes.widths[name] !== undefined);
  const isWide = isSized || names.length > maxColumns;
  return {
    frame: `table-frame${isWide ? ' wide' : ''}${isCompact ? ' compact' : ''}`,
    layout: isSized ? 'fixed sized' : isFixed && !isWide ? 'fixed' : '',
    style: isSized ? tableStyle(sizes, names) : undefined,
  };
}

/** The keys of the rows whose details are shown. */
function useOpened(): { readonly opened: ReadonlySet<string>; readonly toggle: (key: string) => void } {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string): void =>
    setOpened((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  return { opened, toggle };
}

type PickRow = (key: string, isPicked: boolean, isRange: boolean) => void;

/** Selects a row, or all from the one that was selected before to it. */
function usePick(keys: readonly string[], selection: TableSelection | undefined): PickRow {
  const before = useRef<string | undefined>(undefined);
  return (key, isPicked, isRange) => {
    selection?.onPick(isRange ? keysBetween(keys, before.current, key) : [key], isPicked);
    before.current = key;
  };
}

interface HeadProps {
  readonly column: Pick<Column<never>, 'name' | 'title' | 'isSortable' | 'isNumber'>;
  readonly sorting: Sorting | undefined;
  /** Undefined if its width cannot be changed. */
  readonly sizes: ColumnSizes | undefined;
}

function Head({ column: { name, title, isSortable, isNumber }, sorting, sizes }: HeadProps): JSX.Element {
  const attributes = {
    role: 'columnheader',
    scope: 'col',
    class: `col-${name}${isNumber ? ' number' : ''}`,
    'data-column': name,
    // The name is without the label of the handle.
    ...(sizes && { 'aria-label': title, style: headStyle(sizes, name) }),
  } as const;
  const handle = sizes && <ColumnHandle name={name} title={title} sizes={sizes} />;
  if (!isSortable || sorting === undefined) {
    return (
      <th {...attributes}>
        {title}
        {handle}
      </th>
    );
  }
  const { by, order, onSort } = sorting;
  const isSorted = by === name;
  return (
    <th {...attributes} aria-sort={isSorted ? (order === 'asc' ? 'ascending' : 'descending') : 'none'}>
      <button type="button" class="sort" onClick={() => onSort(name)}>
        {title}
        <span class={isSorted ? 'sort-mark' : 'sort-mark idle'}>
          <Icon name={isSorted && order === 'desc' ? 'down' : 'up'} />
        </span>
      </button>
      {handle}
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
        aria-label={t.ui.selectAll}
        checked={areAll}
        indeterminate={count > 0 && !areAll}
        onChange={() => selection.onPick(keys, !areAll)}
      />
    </td>
  );
}

/** Whether the details of a row are shown. */
interface Details {
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

interface PickProps {
  readonly rowKey: string;
  readonly selection: TableSelection;
  readonly onPick: PickRow;
  readonly details: Details | undefined;
}

function Pick({ rowKey, selection, onPick, details }: PickProps): JSX.Element {
  const isPicked = selection.picked.has(rowKey);
  const name = selection.nameOf(rowKey);
  return (
    <td role="cell" class="pick">
      <span>
        <input
          type="checkbox"
          aria-label={t.ui.select(name)}
          checked={isPicked}
          // Otherwise the browser selects the text of the range.
          onMouseDown={(event) => event.shiftKey && event.preventDefault()}
          onClick={({ shiftKey }) => onPick(rowKey, !isPicked, shiftKey)}
        />
        {details && <DetailsToggle name={name} details={details} />}
      </span>
    </td>
  );
}

function DetailsToggle({ name, details }: { readonly name: string; readonly details: Details }): JSX.Element {
  return (
    <button
      type="button"
      class="quiet icon-only"
      aria-label={t.common.detailsOf(name)}
      aria-expanded={details.isOpen}
      onClick={details.onToggle}
    >
      <Icon name={details.isOpen ? 'down' : 'right'} />
    </button>
  );
}
