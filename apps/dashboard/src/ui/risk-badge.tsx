import type { JSX } from 'preact';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { Icon } from './icon.tsx';
import { RelativeTime } from './relative-time.tsx';
import { stateTitles } from './state-badge.tsx';

type Risk = NonNullable<VolumeRow['risk']>;

const reasons: Readonly<Record<Risk['reason'], string>> = {
  'node-silent': 'node silent',
  'lane-paused': 'lane paused',
  'lane-backing-off': 'lane backing off',
};

/** A volume that has not failed, but whose renewal is not certain: the reason, and since when. */
export function RiskBadge({ risk, state }: { readonly risk: Risk; readonly state: VolumeStatus }): JSX.Element {
  return (
    <>
      <span class="state state-overdue" title={`${stateTitles[state]}, but its renewal is not certain`}>
        <Icon name="warning" />
        At risk
      </span>
      <span class="dim small">
        {reasons[risk.reason]} {risk.since !== undefined && <RelativeTime at={risk.since} />}
      </span>
    </>
  );
}
