import type { JSX } from 'preact';
import type { Lane } from '@certfleet/operator-api/lanes.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column, Sorting } from '../ui/data-table.tsx';
import { IssuerName } from '../ui/issuer-name.tsx';
import { LaneState } from './lane-state.tsx';
import { describeRate, waitingIn } from './lane-labels.ts';

export interface LaneTableProps {
  readonly lanes: readonly Lane[];
  readonly sorting?: Sorting;
  readonly isBusy?: boolean;
}

const columns: readonly Column<Lane>[] = [
  {
    name: 'issuer',
    title: t.fields.issuer,
    isSortable: true,
    cell: ({ key, id }) => <IssuerName issuer={key} laneId={id} />,
  },
  { name: 'state', title: t.fields.state, isSortable: true, cell: (lane) => <LaneState lane={lane} /> },
  {
    name: 'waiting',
    title: t.fields.waiting,
    isSortable: true,
    isNumber: true,
    cell: (lane) => formatCount(waitingIn(lane)),
  },
  {
    name: 'in-flight',
    title: t.fields.inFlight,
    isSortable: true,
    isNumber: true,
    cell: ({ inFlight, policy }) => (
      <>
        {formatCount(inFlight)} <span class="dim">{t.lanes.most(policy.maxInFlight)}</span>
      </>
    ),
  },
  { name: 'rate', title: t.fields.rate, cell: (lane) => describeRate(lane) },
  {
    name: 'volumes',
    title: t.fields.volumes,
    isSortable: true,
    isNumber: true,
    cell: ({ volumes }) => formatCount(volumes),
  },
  {
    name: 'failures',
    title: t.fields.consecutiveFailures,
    isSortable: true,
    isNumber: true,
    cell: ({ failureStreak }) => (failureStreak === 0 ? <span class="none">–</span> : formatCount(failureStreak)),
  },
  {
    name: 'error',
    title: t.fields.lastError,
    cell: ({ lastError }) =>
      lastError === undefined ? (
        <span class="none">–</span>
      ) : (
        <span class="cut" title={lastError.message}>
          {lastError.message}
        </span>
      ),
  },
];

/** Lanes with queue depth, rate, limits and status. */
export function LaneTable({ lanes, sorting, isBusy = false }: LaneTableProps): JSX.Element {
  return (
    <DataTable
      caption={t.lanes.caption}
      columns={columns}
      rows={lanes}
      keyOf={({ id }) => id}
      isBusy={isBusy}
      {...(sorting === undefined ? {} : { sorting })}
    />
  );
}
