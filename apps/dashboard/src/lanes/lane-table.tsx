import type { JSX } from 'preact';
import type { Lane } from '@certfleet/operator-api/lanes.ts';
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
  { name: 'issuer', title: 'Issuer', isSortable: true, cell: ({ key, id }) => <IssuerName issuer={key} laneId={id} /> },
  { name: 'state', title: 'State', isSortable: true, cell: (lane) => <LaneState lane={lane} /> },
  {
    name: 'waiting',
    title: 'Waiting',
    isSortable: true,
    isNumber: true,
    cell: (lane) => formatCount(waitingIn(lane)),
  },
  {
    name: 'in-flight',
    title: 'In flight',
    isSortable: true,
    isNumber: true,
    cell: ({ inFlight, policy }) => (
      <>
        {formatCount(inFlight)} <span class="dim">/ {formatCount(policy.maxInFlight)}</span>
      </>
    ),
  },
  { name: 'rate', title: 'Rate', cell: (lane) => describeRate(lane) },
  { name: 'volumes', title: 'Volumes', isSortable: true, isNumber: true, cell: ({ volumes }) => formatCount(volumes) },
  {
    name: 'failures',
    title: 'Consecutive failures',
    isSortable: true,
    isNumber: true,
    cell: ({ failureStreak }) => (failureStreak === 0 ? <span class="none">–</span> : formatCount(failureStreak)),
  },
  {
    name: 'error',
    title: 'Last error',
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
      caption="Lanes of issuers"
      columns={columns}
      rows={lanes}
      keyOf={({ id }) => id}
      isBusy={isBusy}
      {...(sorting === undefined ? {} : { sorting })}
    />
  );
}
