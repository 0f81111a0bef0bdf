import type { JSX } from 'preact';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { format, t } from '../messages/messages.ts';
import { nodeHref, volumeHref } from '../routing/route.ts';
import { formatCount } from '../ui/count.ts';
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
    title: t.fields.pod,
    isSortable: true,
    cell: ({ node, volumeId, pod }) => (
      <a class="cut" href={volumeHref(node, volumeId)} title={pod}>
        {pod}
      </a>
    ),
  },
  namespace: { title: t.fields.namespace, isSortable: true, cell: ({ namespace }) => namespace },
  node: {
    title: t.fields.node,
    isSortable: true,
    cell: ({ node }) => (
      <a class="cut" href={nodeHref(node)} title={node}>
        {node}
      </a>
    ),
  },
  issuer: {
    title: t.fields.issuer,
    isSortable: true,
    cell: ({ issuer, laneId }) => <IssuerName issuer={issuer} laneId={laneId} isShort />,
  },
  expires: {
    title: t.fields.expires,
    isSortable: true,
    isNumber: true,
    cell: ({ notAfter }) => <RelativeTime at={notAfter} />,
  },
  renews: {
    title: t.fields.renews,
    isSortable: true,
    isNumber: true,
    cell: ({ renewAt }) => <RelativeTime at={renewAt} />,
  },
  state: { title: t.fields.state, isSortable: true, cell: (row) => <StateCell row={row} /> },
  attempts: {
    title: t.fields.attempts,
    isSortable: true,
    isNumber: true,
    cell: ({ attempts }) => (attempts === 0 ? none : formatCount(attempts)),
  },
  error: {
    title: t.fields.lastError,
    cell: ({ failure }) =>
      failure === undefined ? (
        none
      ) : (
        <span class="cut" title={t.volumes.failure(failure)}>
          {failure.message}
        </span>
      ),
  },
  volume: { title: t.fields.volume, cell: ({ volumeId }) => <span class="mono cut">{volumeId}</span> },
  generation: { title: t.fields.issuances, isNumber: true, cell: ({ generation }) => formatCount(generation) },
  key: { title: t.fields.key, cell: (row) => keyText(row) },
  workload: { title: t.fields.workload, cell: ({ workload }) => workload ?? none },
  labels: { title: t.fields.labels, cell: ({ labels }) => (labels ? labelsText(labels) : none) },
  signature: { title: t.fields.signature, cell: ({ posture }) => posture?.signature ?? none },
  lifetime: { title: t.fields.lifetime, isNumber: true, cell: (row) => lifetimeText(row) },
  usages: { title: t.fields.usages, cell: ({ posture }) => (posture ? format.list(posture.usages) : none) },
  ca: {
    title: t.fields.ca,
    cell: ({ posture }) => (posture === undefined ? none : posture.isCa ? t.volumes.yes : t.volumes.no),
  },
  cause: { title: t.volumes.issuedBy, cell: ({ cause }) => t.volumes.causes[cause] },
  issued: { title: t.fields.issued, isNumber: true, cell: ({ issuedAt }) => <RelativeTime at={issuedAt} /> },
  serial: { title: t.fields.serial, cell: ({ serial }) => (serial ? <span class="mono cut">{serial}</span> : none) },
  subject: { title: t.fields.subject, cell: ({ subject }) => (subject ? <span class="cut">{subject}</span> : none) },
  dns: {
    title: t.fields.dnsNames,
    cell: ({ dnsNames }) => (
      <span class="cut" title={dnsNames.join('\n')}>
        {format.list(dnsNames)}
      </span>
    ),
  },
  risk: { title: t.fields.risk, cell: ({ risk }) => (risk ? <RiskReason risk={risk} /> : none) },
  advice: { title: t.common.whatToDo, cell: ({ risk }) => (risk ? <RiskAdvice reason={risk.reason} /> : none) },
  served: { title: t.fields.served, cell: ({ served }) => (served ? <ServedNote served={served} /> : none) },
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
