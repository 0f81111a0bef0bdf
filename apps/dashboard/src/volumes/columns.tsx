import type { JSX } from 'preact';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { nodeHref, volumeHref } from '../routing/route.ts';
import type { Column } from '../ui/data-table.tsx';
import { WaitReasonNote } from '../ui/wait-reason.tsx';
import { IssuerName } from '../ui/issuer-name.tsx';
import { keyText, labelsText, lifetimeText } from '../ui/posture-texts.ts';
import { RelativeTime } from '../ui/relative-time.tsx';
import { isOutside, RiskBadge, RiskReason } from '../ui/risk-badge.tsx';
import { RiskAdvice } from '../ui/risk-advice.tsx';
import { ServedNote } from '../ui/served-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import type { ColumnName } from './column-names.ts';

type VolumeColumn = Omit<Column<VolumeRow>, 'name'>;

/** Title and content of each column. */
export const volumeColumns: Readonly<Record<ColumnName, VolumeColumn>> = {
  pod: {
    title: 'Pod',
    isSortable: true,
    cell: ({ node, volumeId, pod }) => (
      <a class="cut" href={volumeHref(node, volumeId)} title={pod}>
        {pod}
      </a>
    ),
  },
  namespace: { title: 'Namespace', isSortable: true, cell: ({ namespace }) => namespace },
  node: {
    title: 'Node',
    isSortable: true,
    cell: ({ node }) => (
      <a class="cut" href={nodeHref(node)} title={node}>
        {node}
      </a>
    ),
  },
  issuer: {
    title: 'Issuer',
    isSortable: true,
    cell: ({ issuer, laneId }) => <IssuerName issuer={issuer} laneId={laneId} isShort />,
  },
  expires: {
    title: 'Expires',
    isSortable: true,
    isNumber: true,
    cell: ({ notAfter }) => <RelativeTime at={notAfter} />,
  },
  renews: { title: 'Renews', isSortable: true, isNumber: true, cell: ({ renewAt }) => <RelativeTime at={renewAt} /> },
  state: { title: 'State', isSortable: true, cell: (row) => <StateCell row={row} /> },
  attempts: {
    title: 'Attempts',
    isSortable: true,
    isNumber: true,
    cell: ({ attempts }) => (attempts === 0 ? none : attempts),
  },
  error: {
    title: 'Last error',
    cell: ({ failure }) =>
      failure === undefined ? (
        none
      ) : (
        <span class="cut" title={`${failure.reason}: ${failure.message}`}>
          {failure.message}
        </span>
      ),
  },
  volume: { title: 'Volume', cell: ({ volumeId }) => <span class="mono cut">{volumeId}</span> },
  generation: { title: 'Issuances', isNumber: true, cell: ({ generation }) => generation },
  key: { title: 'Key', cell: (row) => keyText(row) },
  workload: { title: 'Workload', cell: ({ workload }) => workload ?? none },
  labels: { title: 'Labels', cell: ({ labels }) => (labels ? labelsText(labels) : none) },
  signature: { title: 'Signature', cell: ({ posture }) => posture?.signature ?? none },
  lifetime: { title: 'Lifetime', isNumber: true, cell: (row) => lifetimeText(row) },
  usages: { title: 'Usages', cell: ({ posture }) => posture?.usages.join(', ') ?? none },
  ca: { title: 'CA', cell: ({ posture }) => (posture === undefined ? none : posture.isCa ? 'yes' : 'no') },
  cause: { title: 'Issued by', cell: ({ cause }) => cause },
  issued: { title: 'Issued', isNumber: true, cell: ({ issuedAt }) => <RelativeTime at={issuedAt} /> },
  serial: { title: 'Serial', cell: ({ serial }) => (serial ? <span class="mono cut">{serial}</span> : none) },
  subject: { title: 'Subject', cell: ({ subject }) => (subject ? <span class="cut">{subject}</span> : none) },
  dns: {
    title: 'DNS names',
    cell: ({ dnsNames }) => (
      <span class="cut" title={dnsNames.join('\n')}>
        {dnsNames.join(', ')}
      </span>
    ),
  },
  risk: { title: 'Risk', cell: ({ risk }) => (risk ? <RiskReason risk={risk} /> : none) },
  advice: { title: 'What to do', cell: ({ risk }) => (risk ? <RiskAdvice reason={risk.reason} /> : none) },
  served: { title: 'Served', cell: ({ served }) => (served ? <ServedNote served={served} /> : none) },
};

const none = <span class="none">–</span>;

function StateCell({ row: { state, waiting, risk, served } }: { readonly row: VolumeRow }): JSX.Element {
  return (
    <span class="state-cell">
      {isOutside(risk) ? <RiskBadge risk={risk} state={state} /> : <StateBadge state={state} />}
      {waiting && risk === undefined && <WaitReasonNote waiting={waiting} />}
      {served?.state === 'not-loaded' && <ServedNote served={served} />}
    </span>
  );
}
