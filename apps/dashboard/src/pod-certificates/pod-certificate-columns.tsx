import type { JSX } from 'preact';
import type { PodCertificate } from '@certfleet/operator-api/pod-certificates.ts';
import { nodeHref } from '../routing/route.ts';
import type { Column } from '../ui/data-table.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { PodCertificateState } from './pod-certificate-state.tsx';

const cut = (text: string): JSX.Element => (
  <span class="cut" title={text}>
    {text}
  </span>
);

/** @param onDetails shows the details of a row */
export function podCertificateColumns(onDetails: (id: string) => void): readonly Column<PodCertificate>[] {
  return [
    { name: 'namespace', title: 'Namespace', isSortable: true, cell: ({ namespace }) => cut(namespace) },
    { name: 'pod', title: 'Pod', isSortable: true, cell: ({ pod }) => cut(pod) },
    { name: 'signer', title: 'Signer', isSortable: true, cell: ({ signer }) => cut(signer) },
    {
      name: 'state',
      title: 'State',
      isSortable: true,
      cell: (certificate) => <PodCertificateState certificate={certificate} />,
    },
    {
      name: 'refreshes',
      title: 'Refresh from',
      isSortable: true,
      isNumber: true,
      cell: ({ beginRefreshAt }) => <RelativeTime at={beginRefreshAt} />,
    },
    {
      name: 'expires',
      title: 'Expires',
      isSortable: true,
      isNumber: true,
      cell: ({ notAfter }) => <RelativeTime at={notAfter} />,
    },
    {
      name: 'node',
      title: 'Node',
      isSortable: true,
      cell: ({ node }) =>
        node === '' ? (
          <span class="none">–</span>
        ) : (
          <a class="cut" href={nodeHref(node)} title={node}>
            {node}
          </a>
        ),
    },
    { name: 'workload', title: 'Workload', cell: ({ workload }) => cut(workload) },
    {
      name: 'details',
      title: 'Details',
      cell: ({ id, pod }) => (
        <button type="button" class="quiet" aria-label={`Details of ${pod}`} onClick={() => onDetails(id)}>
          Details
        </button>
      ),
    },
  ];
}
