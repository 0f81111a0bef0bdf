import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Cas } from '@certfleet/operator-api/cas.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { StartRotationDialog } from '../rotations/start-rotation-dialog.tsx';
import { volumesHref } from '../routing/route.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { CopiedText } from '../ui/copied-text.tsx';
import { counted, formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { CaSharePanel } from './ca-share-panel.tsx';

type Ca = Cas['cas'][number];

/** The CAs in the CA files of the fleet, with the volumes of each; the volumes of one CA can be renewed. */
export function CasPage(): JSX.Element {
  const { api } = useServices();
  const [renewing, setRenewing] = useState<string | undefined>(undefined);
  const [rotating, setRotating] = useState<string | undefined>(undefined);
  const cas = useResource<Cas>({ key: 'cas', load: (signal) => api.cas(signal), kinds: ['volumes'] });
  const { data } = cas;
  return (
    <>
      <PageHead title="CAs" aside={data && <span class="dim">{counted(data.total, 'certificate')}</span>} />
      <Loaded resource={cas}>
        {(found) =>
          found.cas.length === 0 ? (
            <Empty title="No CA file has a certificate yet" />
          ) : (
            <>
              <CaSharePanel />
              <DataTable
                caption="CAs by the number of their volumes"
                columns={columnsOf(cas, { onRenew: setRenewing, onRotate: setRotating })}
                rows={found.cas}
                keyOf={({ fingerprint }) => fingerprint}
              />
              <p class="dim">
                A volume is counted under each certificate of its CA file.
                {found.withoutCa > 0 && ` ${counted(found.withoutCa, 'volume')} without a CA file.`}
                {found.total > found.cas.length && ` The first ${formatCount(found.cas.length)} are shown.`}
              </p>
            </>
          )
        }
      </Loaded>
      {rotating !== undefined && (
        <StartRotationDialog on={cas} from={rotating} onClose={() => setRotating(undefined)} />
      )}
      {renewing !== undefined && (
        <RenewDialog selection={{ caFingerprint: renewing }} onClose={() => setRenewing(undefined)} />
      )}
    </>
  );
}

interface CaActions {
  readonly onRenew: (fingerprint: string) => void;
  readonly onRotate: (fingerprint: string) => void;
}

function columnsOf(on: ActionBasis, { onRenew, onRotate }: CaActions): readonly Column<Ca>[] {
  return [
    { name: 'subject', title: 'Subject', cell: (ca) => <Subject ca={ca} /> },
    { name: 'not-after', title: 'Expires', isNumber: true, cell: ({ notAfter }) => <RelativeTime at={notAfter} /> },
    {
      name: 'count',
      title: 'Volumes',
      isNumber: true,
      cell: ({ fingerprint, count }) => <a href={volumesHref({ caFingerprint: fingerprint })}>{formatCount(count)}</a>,
    },
    {
      name: 'at-risk',
      title: 'At risk',
      isNumber: true,
      cell: ({ atRisk }) => <span class={atRisk > 0 ? 'bad' : 'none'}>{formatCount(atRisk)}</span>,
    },
    {
      name: 'expires',
      title: 'Soonest expiry of a volume',
      isNumber: true,
      cell: ({ soonestExpiry }) => <RelativeTime at={soonestExpiry} />,
    },
    {
      name: 'fingerprint',
      title: 'SHA-256',
      cell: ({ fingerprint }) => <CopiedText text={fingerprint} label={`fingerprint ${fingerprint.slice(0, 8)}`} />,
    },
    {
      name: 'renew',
      title: 'Action',
      cell: ({ fingerprint }) => (
        <>
          <ActionButton on={on} onClick={() => onRenew(fingerprint)}>
            Renew…
          </ActionButton>{' '}
          <ActionButton on={on} onClick={() => onRotate(fingerprint)}>
            Rotate…
          </ActionButton>
        </>
      ),
    },
  ];
}

/** The subject; self-signed certificates have no other issuer. */
function Subject({ ca: { subject, issuer, unknown } }: { readonly ca: Ca }): JSX.Element {
  if (subject === undefined) return <span class="dim wrap">{unknown ?? 'not known yet'}</span>;
  return (
    <span class="wrap">
      {subject}
      {issuer !== undefined && issuer !== subject && <span class="dim small"> issued by {issuer}</span>}
    </span>
  );
}
