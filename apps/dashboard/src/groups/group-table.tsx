import type { JSX } from 'preact';
import type { Group } from '@certfleet/operator-api/groups.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Empty } from '../ui/notice.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

/** What the groups have in common, and what is in them. */
export interface GroupTexts {
  readonly caption: string;
  /** The property by which the rows are grouped. */
  readonly property: string;
  /** What is counted. */
  readonly rows: string;
  readonly total: string;
}

export interface GroupName {
  /** The whole name. */
  readonly name: string;
  /** What is shown of it. */
  readonly text?: string;
  readonly isCode?: boolean;
  /** The address of its rows; undefined if no filter finds them. */
  readonly href: string | undefined;
}

export interface GroupTableProps {
  readonly groups: readonly Group[];
  readonly texts: GroupTexts;
  readonly sort: string;
  readonly onSort: (by: string) => void;
  readonly isBusy: boolean;
  readonly nameOf: (value: string) => GroupName;
}

/** The groups of the rows of a table; each leads to its rows. */
export function GroupTable({ groups, texts, sort, onSort, isBusy, nameOf }: GroupTableProps): JSX.Element {
  if (groups.length === 0) return <Empty title={t.common.noResults} />;
  const order = sort === 'count' || sort === 'at-risk' ? 'desc' : 'asc';
  return (
    <>
      <DataTable
        caption={texts.caption}
        columns={columnsOf(texts, nameOf)}
        rows={groups}
        keyOf={({ value }) => value}
        sorting={{ by: sort, order, onSort }}
        isBusy={isBusy}
      />
      <p class="pager">
        <span class="dim">{texts.total}</span>
      </p>
    </>
  );
}

function columnsOf({ property, rows }: GroupTexts, nameOf: GroupTableProps['nameOf']): readonly Column<Group>[] {
  return [
    { name: 'value', title: property, isSortable: true, cell: ({ value }) => <Name {...nameOf(value)} /> },
    { name: 'count', title: rows, isSortable: true, isNumber: true, cell: ({ count }) => formatCount(count) },
    {
      name: 'at-risk',
      title: t.fields.atRisk,
      isSortable: true,
      isNumber: true,
      cell: ({ atRisk }) => <span class={atRisk > 0 ? 'bad' : 'none'}>{formatCount(atRisk)}</span>,
    },
    {
      name: 'expires',
      title: t.fields.soonestExpiry,
      isSortable: true,
      isNumber: true,
      cell: ({ soonestExpiry }) => <RelativeTime at={soonestExpiry} />,
    },
  ];
}

function Name({ name, text = name, isCode = false, href }: GroupName): JSX.Element {
  if (href === undefined) return <span class="dim">{name}</span>;
  return (
    <a class={isCode ? 'cut mono' : 'cut'} href={href} title={name}>
      {text}
    </a>
  );
}
