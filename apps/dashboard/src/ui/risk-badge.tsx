import type { JSX } from 'preact';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { t } from '../messages/messages.ts';
import { Icon } from './icon.tsx';
import { RelativeTime } from './relative-time.tsx';
import type { Risk, RiskReason as Reason } from './risk-reasons.ts';
import { StateBadge } from './state-badge.tsx';

type StatusReason = Extract<Reason, VolumeStatus>;

const isStatus = (reason: Reason): reason is StatusReason =>
  reason === 'expired' || reason === 'overdue' || reason === 'failing';

/** Whether the risk is a condition outside of the volume, which its status does not show. */
export const isOutside = (risk: Risk | undefined): risk is Risk => risk !== undefined && !isStatus(risk.reason);

/** A volume that has not failed, but whose renewal is not certain: the reason, and since when. */
export function RiskBadge({ risk, state }: { readonly risk: Risk; readonly state: VolumeStatus }): JSX.Element {
  return (
    <>
      <span class="state state-overdue" title={t.risk.uncertain(t.states[state])}>
        <Icon name="warning" />
        {t.risk.atRisk}
      </span>
      <span class="dim small">
        {t.risk.reasons[risk.reason].note} {risk.since !== undefined && <RelativeTime at={risk.since} />}
      </span>
    </>
  );
}

/** Why the renewal of a volume is not certain, and since when. */
export function RiskReason({ risk: { reason, since } }: { readonly risk: Risk }): JSX.Element {
  return (
    <span class="state-cell">
      {isStatus(reason) ? (
        <StateBadge state={reason} />
      ) : (
        <span class="state state-overdue">
          <Icon name="warning" />
          {t.risk.reasons[reason].title}
        </span>
      )}
      {since !== undefined && (
        <span class="dim small">
          <RelativeTime at={since} />
        </span>
      )}
    </span>
  );
}
