import type { JSX } from 'preact';
import type { PodCertificate } from '@certfleet/operator-api/pod-certificates.ts';
import { Icon } from '../ui/icon.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { podCertificateRiskTexts } from './pod-certificate-risks.ts';
import { stateLooks } from './pod-certificate-state.tsx';

/** Why a pod certificate is at risk, and since when; nothing if it is not. */
export function PodCertificateRisk({
  certificate: { state, risk, reason },
}: {
  readonly certificate: PodCertificate;
}): JSX.Element | null {
  if (risk === undefined) return null;
  const { icon, tone } = stateLooks[state];
  return (
    <span class="state-cell">
      <span class={`state state-${risk.reason === 'waiting' ? 'overdue' : tone}`}>
        <Icon name={risk.reason === 'waiting' ? 'warning' : icon} />
        {podCertificateRiskTexts[risk.reason].title}
      </span>
      <span class="dim small">
        {reason !== undefined && `${reason} `}
        <RelativeTime at={risk.since} />
      </span>
    </span>
  );
}
