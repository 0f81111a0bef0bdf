import type { JSX } from 'preact';
import type { PodCertificate } from '@certfleet/operator-api/pod-certificates.ts';
import { format, t } from '../messages/messages.ts';
import { nodeHref } from '../routing/route.ts';
import type { Column } from '../ui/data-table.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import type { PodCertificateColumn } from './pod-certificate-column-names.ts';
import { PodCertificateRisk } from './pod-certificate-risk.tsx';
import { PodCertificateState } from './pod-certificate-state.tsx';

const cut = (text: string): JSX.Element => (
  <span class="cut" title={text}>
    {text}
  </span>
);

const nodeLink = (node: string): JSX.Element =>
  node === '' ? (
    <span class="none">–</span>
  ) : (
    <a class="cut" href={nodeHref(node)} title={node}>
      {node}
    </a>
  );

type NamedColumn = Column<PodCertificate> & { readonly name: PodCertificateColumn };

/** All columns, in order. */
export const podCertificateColumns: readonly NamedColumn[] = [
  { name: 'namespace', title: t.fields.namespace, isSortable: true, cell: ({ namespace }) => cut(namespace) },
  { name: 'pod', title: t.fields.pod, isSortable: true, cell: ({ pod }) => cut(pod) },
  { name: 'signer', title: t.fields.signer, isSortable: true, cell: ({ signer }) => cut(signer) },
  {
    name: 'state',
    title: t.fields.state,
    isSortable: true,
    cell: (certificate) => <PodCertificateState certificate={certificate} />,
  },
  {
    name: 'refreshes',
    title: t.fields.refreshFrom,
    isSortable: true,
    isNumber: true,
    cell: ({ beginRefreshAt }) => <RelativeTime at={beginRefreshAt} />,
  },
  {
    name: 'expires',
    title: t.fields.expires,
    isSortable: true,
    isNumber: true,
    cell: ({ notAfter }) => <RelativeTime at={notAfter} />,
  },
  {
    name: 'node',
    title: t.fields.node,
    isSortable: true,
    cell: ({ node }) => nodeLink(node),
  },
  { name: 'workload', title: t.fields.workload, cell: ({ workload }) => cut(workload) },
  {
    name: 'risk',
    title: t.fields.atRisk,
    cell: (certificate) => <PodCertificateRisk certificate={certificate} />,
  },
  { name: 'key', title: t.fields.key, cell: ({ keyType }) => keyType },
  { name: 'volumes', title: t.fields.volumes, cell: ({ volumes }) => cut(format.list(volumes)) },
  {
    name: 'service-account',
    title: t.podCertificates.serviceAccount,
    cell: ({ serviceAccount }) => cut(serviceAccount),
  },
];
