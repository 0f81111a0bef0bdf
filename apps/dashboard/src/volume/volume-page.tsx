import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { VolumeDetail, VolumePath } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { ActionButton } from '../ui/action-button.tsx';
import { WaitReasonNote } from '../ui/wait-reason.tsx';
import { Icon } from '../ui/icon.tsx';
import { Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { isOutside, RiskBadge } from '../ui/risk-badge.tsx';
import { RiskAdvice } from '../ui/risk-advice.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { CertificatePanel } from './certificate-panel.tsx';
import { CertificateFacts, WhereFacts } from './identity-facts.tsx';
import { IssuanceHistory } from './issuance-history.tsx';
import { PodEventList } from './pod-event-list.tsx';

/** One volume: its certificate, its history and its current state. */
export function VolumePage({ node, volumeId }: VolumePath): JSX.Element {
  const { api } = useServices();
  const [isRenewing, setRenewing] = useState(false);
  const volume = useResource<VolumeDetail>({
    key: `volume:${node}/${volumeId}`,
    load: (signal) => api.volume(node, volumeId, signal),
    kinds: ['volumes', 'lanes'],
  });
  const { data } = volume;
  return (
    <>
      <PageHead
        title={data?.pod ?? volumeId}
        parent={{ href: '/volumes', title: t.views.volumes }}
        aside={data && <State volume={data} />}
      >
        {data && (
          <ActionButton
            on={volume}
            primary
            onClick={() => setRenewing(true)}
            unavailable={data.notAfter === undefined ? t.volume.noCertificate : undefined}
          >
            {t.volume.renew}
          </ActionButton>
        )}
      </PageHead>
      <Loaded resource={volume}>
        {(detail) => (
          <>
            {detail.failure && <FailureNotice failure={detail.failure} />}
            {detail.risk && (
              <p>
                {t.volume.whatToDo({
                  strong: (text) => <strong>{text}</strong>,
                  advice: <RiskAdvice reason={detail.risk.reason} />,
                })}
              </p>
            )}
            <div class="panels even">
              <CertificateFacts volume={detail} />
              <WhereFacts volume={detail} />
            </div>
            <IssuanceHistory history={detail.history} />
            {/* A new issuance is another certificate: the key discards the loaded one. */}
            <CertificatePanel key={detail.generation} node={node} volumeId={volumeId} />
            <PodEventList node={node} volumeId={volumeId} />
          </>
        )}
      </Loaded>
      {isRenewing && <RenewDialog selection={{ volumes: [{ node, volumeId }] }} onClose={() => setRenewing(false)} />}
    </>
  );
}

function State({ volume: { state, waiting, risk } }: { readonly volume: VolumeDetail }): JSX.Element {
  return (
    <>
      {isOutside(risk) ? <RiskBadge risk={risk} state={state} /> : <StateBadge state={state} />}
      {waiting && risk === undefined && <WaitReasonNote waiting={waiting} />}
    </>
  );
}

function FailureNotice({ failure }: { readonly failure: NonNullable<VolumeDetail['failure']> }): JSX.Element {
  return (
    <div class="notice notice-critical">
      <Icon name="failing" />
      <div>
        <p>{t.volume.failure({ reason: <strong>{failure.reason}</strong>, message: failure.message })}</p>
        <p class="dim">{t.volume.attempts({ count: failure.attempts, last: <RelativeTime at={failure.at} /> })}</p>
      </div>
    </div>
  );
}
