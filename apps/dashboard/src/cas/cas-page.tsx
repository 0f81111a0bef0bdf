import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Cas } from '@certfleet/operator-api/cas.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { StartRotationDialog } from '../rotations/start-rotation-dialog.tsx';
import { volumesHref } from '../routing/route.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { CopiedText } from '../ui/copied-text.tsx';
import { formatCount } from '../ui/count.ts';
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
      <PageHead title={t.views.cas} aside={data && <span class="dim">{t.counts.certificates(data.total)}</span>} />
      <Loaded resource={cas}>
        {(found) =>
          found.cas.length === 0 ? (
            <Empty title={t.cas.none} />
          ) : (
            <>
              <CaSharePanel />
              <DataTable
                caption={t.cas.caption}
                columns={columnsOf(cas, { onRenew: setRenewing, onRotate: setRotating })}
                rows={found.cas}
                keyOf={({ fingerprint }) => fingerprint}
              />
              <p class="dim">
                {t.cas.about}
                {found.withoutCa > 0 && t.cas.withoutCa(found.withoutCa)}
                {found.total > found.cas.length && t.cas.firstShown(found.cas.length)}
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
    { name: 'subject', title: t.fields.subject, cell: (ca) => <Subject ca={ca} /> },
    {
      name: 'not-after',
      title: t.fields.expires,
      isNumber: true,
      cell: ({ notAfter }) => <RelativeTime at={notAfter} />,
    },
    {
      name: 'count',
      title: t.fields.volumes,
      isNumber: true,
      cell: ({ fingerprint, count }) => <a href={volumesHref({ caFingerprint: fingerprint })}>{formatCount(count)}</a>,
    },
    {
      name: 'at-risk',
      title: t.fields.atRisk,
      isNumber: true,
      cell: ({ atRisk }) => <span class={atRisk > 0 ? 'bad' : 'none'}>{formatCount(atRisk)}</span>,
    },
    {
      name: 'expires',
      title: t.cas.soonestExpiry,
      isNumber: true,
      cell: ({ soonestExpiry }) => <RelativeTime at={soonestExpiry} />,
    },
    {
      name: 'fingerprint',
      title: t.fields.sha256,
      cell: ({ fingerprint }) => (
        <CopiedText text={fingerprint} label={t.ui.copy.fingerprintOf(fingerprint.slice(0, 8))} />
      ),
    },
    {
      name: 'renew',
      title: t.fields.action,
      cell: ({ fingerprint }) => (
        <>
          <ActionButton on={on} onClick={() => onRenew(fingerprint)}>
            {t.cas.renew}
          </ActionButton>{' '}
          <ActionButton on={on} onClick={() => onRotate(fingerprint)}>
            {t.cas.rotate}
          </ActionButton>
        </>
      ),
    },
  ];
}

/** The subject; self-signed certificates have no other issuer. */
function Subject({ ca: { subject, issuer, unknown } }: { readonly ca: Ca }): JSX.Element {
  if (subject === undefined) return <span class="dim wrap">{unknown ?? t.cas.unknown}</span>;
  return (
    <span class="wrap">
      {subject}
      {issuer !== undefined && issuer !== subject && <span class="dim small">{t.cas.issuedBy(issuer)}</span>}
    </span>
  );
}
