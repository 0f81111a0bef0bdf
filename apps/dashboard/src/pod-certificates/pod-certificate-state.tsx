import type { JSX } from 'preact';
import type { PodCertificate } from '@certfleet/operator-api/pod-certificates.ts';
import type { PodCertificateState as State } from '@certfleet/operator-api/vocabulary.ts';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import type { IconName } from '../ui/icon.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

interface StateLook {
  readonly icon: IconName;
  /** The state of volumes with the same colour. */
  readonly tone: string;
}

/** How the states of pod certificates are shown. */
export const stateLooks: Readonly<Record<State, StateLook>> = {
  denied: { icon: 'failing', tone: 'failing' },
  failed: { icon: 'failing', tone: 'failing' },
  expired: { icon: 'expired', tone: 'expired' },
  overdue: { icon: 'overdue', tone: 'overdue' },
  pending: { icon: 'pending', tone: 'pending' },
  unknown: { icon: 'unknown', tone: 'pending' },
  issued: { icon: 'healthy', tone: 'healthy' },
};

/** The state of a pod certificate, with its reason or its start. */
export function PodCertificateState({
  certificate: { state, reason, since },
}: {
  readonly certificate: PodCertificate;
}): JSX.Element {
  const { icon, tone } = stateLooks[state];
  const { title, meaning } = t.podCertificates.states[state];
  return (
    <span class="state-cell">
      <span class={`state state-${tone}`} title={meaning}>
        <Icon name={icon} />
        {title}
      </span>
      {state === 'unknown' && <span class="dim small">{t.podCertificates.untilRefresh}</span>}
      {reason !== undefined && <span class="dim small">{reason}</span>}
      {state === 'pending' && since !== undefined && (
        <span class="dim small">{t.common.since(<RelativeTime at={since} />)}</span>
      )}
    </span>
  );
}
