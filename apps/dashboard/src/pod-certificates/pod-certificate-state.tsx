import type { JSX } from 'preact';
import type { PodCertificate } from '@certfleet/operator-api/pod-certificates.ts';
import type { PodCertificateState as State } from '@certfleet/operator-api/vocabulary.ts';
import { Icon } from '../ui/icon.tsx';
import type { IconName } from '../ui/icon.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

interface StateLook {
  readonly title: string;
  readonly meaning: string;
  readonly icon: IconName;
  /** The state of volumes with the same colour. */
  readonly tone: string;
}

/** How the states of pod certificates are shown. */
export const stateLooks: Readonly<Record<State, StateLook>> = {
  denied: { title: 'Denied', meaning: 'denied by its signer; final for this pod', icon: 'failing', tone: 'failing' },
  failed: { title: 'Failed', meaning: 'failed by its signer; final for this pod', icon: 'failing', tone: 'failing' },
  expired: { title: 'Expired', meaning: 'past its not-after', icon: 'expired', tone: 'expired' },
  overdue: { title: 'Overdue', meaning: 'not refreshed by the kubelet in time', icon: 'overdue', tone: 'overdue' },
  pending: { title: 'Pending', meaning: 'its latest request has no answer yet', icon: 'pending', tone: 'pending' },
  unknown: {
    title: 'Unknown',
    meaning: 'unknown until the next refresh: its last request was deleted before the controller saw it',
    icon: 'unknown',
    tone: 'pending',
  },
  issued: { title: 'Issued', meaning: 'valid and not yet due for its refresh', icon: 'healthy', tone: 'healthy' },
};

/** The state of a pod certificate, with its reason or its start. */
export function PodCertificateState({
  certificate: { state, reason, since },
}: {
  readonly certificate: PodCertificate;
}): JSX.Element {
  const { title, meaning, icon, tone } = stateLooks[state];
  return (
    <span class="state-cell">
      <span class={`state state-${tone}`} title={meaning}>
        <Icon name={icon} />
        {title}
      </span>
      {state === 'unknown' && <span class="dim small">until the next refresh</span>}
      {reason !== undefined && <span class="dim small">{reason}</span>}
      {state === 'pending' && since !== undefined && (
        <span class="dim small">
          since <RelativeTime at={since} />
        </span>
      )}
    </span>
  );
}
