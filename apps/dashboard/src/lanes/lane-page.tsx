import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Lane } from '@certfleet/operator-api/lanes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { auditHref } from '../routing/route.ts';
import { shortDuration } from '../time/relative-time.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { CopiedText } from '../ui/copied-text.tsx';
import { counted, formatCount } from '../ui/count.ts';
import { FactList } from '../ui/fact-list.tsx';
import { issuerParts } from '../ui/issuer-name.tsx';
import { Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { StateCountList } from '../ui/state-count-list.tsx';
import { VolumeList } from '../volumes/volume-list.tsx';
import { LaneHistoryPanel } from './lane-history.tsx';
import { LaneState } from './lane-state.tsx';
import { describeRate, waitingIn, describeWindow } from './lane-labels.ts';

export function LanePage({ id }: { readonly id: string }): JSX.Element {
  const { api } = useServices();
  const lane = useResource<Lane>({
    key: `lane:${id}`,
    load: (signal) => api.lane(id, signal),
    kinds: ['lanes', 'volumes'],
    atLeastEveryMs: 5000,
  });
  const name = lane.data === undefined ? 'Lane' : issuerParts(lane.data.key).name;
  return (
    <>
      <PageHead
        title={name}
        parent={{ href: '/lanes', title: 'Lanes' }}
        aside={lane.data && <LaneState lane={lane.data} />}
      >
        {lane.data && <LaneActions lane={lane.data} on={lane} onDone={lane.refresh} />}
      </PageHead>
      <Loaded resource={lane}>
        {(data) => (
          <>
            <div class="panels even">
              <LaneFacts lane={data} />
              <LanePolicy lane={data} />
            </div>
            <LaneHistoryPanel id={id} />
            <StateCountList byState={data.byState} filter={{ issuer: data.key }} />
            <VolumeList title="Next renewals of this issuer" filter={{ issuer: data.key }} />
          </>
        )}
      </Loaded>
    </>
  );
}

type OpenDialog = 'pause' | 'resume' | 'renew' | 'retry';

interface LaneActionsProps {
  readonly lane: Lane;
  readonly on: ActionBasis;
  readonly onDone: () => void;
}

function LaneActions({ lane, on, onDone }: LaneActionsProps): JSX.Element {
  const { api } = useServices();
  const [open, setOpen] = useState<OpenDialog | undefined>(undefined);
  const close = (): void => setOpen(undefined);
  const { id, key, paused, byState } = lane;
  return (
    <>
      {byState.failing + byState.expired > 0 && (
        <ActionButton on={on} onClick={() => setOpen('retry')}>
          Retry failed and expired…
        </ActionButton>
      )}
      <ActionButton on={on} onClick={() => setOpen('renew')}>
        Renew all…
      </ActionButton>
      {paused === undefined ? (
        <ActionButton on={on} onClick={() => setOpen('pause')}>
          Pause…
        </ActionButton>
      ) : (
        <ActionButton on={on} primary onClick={() => setOpen('resume')}>
          Resume…
        </ActionButton>
      )}
      {open === 'pause' && (
        <ConfirmDialog
          on={on}
          title={`Pause ${issuerParts(key).name}`}
          action="Pause the lane"
          asksReason
          onConfirm={(reason) => api.pauseLane(id, reason).then(onDone)}
          onClose={close}
        >
          <p>
            {counted(lane.volumes, 'volume')} will wait until the lane is resumed, including urgent renewals. Each agent
            still renews at its fallback deadline before a certificate expires.
          </p>
        </ConfirmDialog>
      )}
      {open === 'resume' && (
        <ConfirmDialog
          on={on}
          title={`Resume ${issuerParts(key).name}`}
          action="Resume the lane"
          onConfirm={() => api.resumeLane(id).then(onDone)}
          onClose={close}
        >
          <p>
            {counted(waitingIn(lane), 'renewal')} that wait continue at the lane’s rate: {describeRate(lane)}.
          </p>
        </ConfirmDialog>
      )}
      {open === 'renew' && <RenewDialog selection={{ query: { issuer: key } }} onClose={close} />}
      {open === 'retry' && (
        <RenewDialog selection={{ query: { issuer: key, state: 'failing,expired' } }} onClose={close} />
      )}
    </>
  );
}

function LaneFacts({ lane }: { readonly lane: Lane }): JSX.Element {
  const { times } = useServices();
  const { paused, lastError, queueEndsAt, backoffUntil, opensAt, failureStreak } = lane;
  return (
    <FactList
      title="Now"
      facts={[
        ['Waiting', `${formatCount(lane.queued)} queued, ${formatCount(lane.blocked)} blocked`],
        ['In flight', `${formatCount(lane.inFlight)} of at most ${formatCount(lane.policy.maxInFlight)}`],
        ['Queue ends', queueEndsAt && <RelativeTime at={queueEndsAt} />],
        ['Paused', paused && `by ${paused.by}, ${times.absolute(Date.parse(paused.at))}: ${paused.reason}`],
        ['Backing off until', backoffUntil && <RelativeTime at={backoffUntil} />],
        ['Window opens', opensAt && <RelativeTime at={opensAt} />],
        ['Consecutive failures', failureStreak > 0 ? formatCount(failureStreak) : 'none'],
        [
          'Last error',
          lastError && (
            <>
              {lastError.message}{' '}
              <span class="dim">
                (<RelativeTime at={lastError.at} />)
              </span>
            </>
          ),
        ],
      ]}
    />
  );
}

function LanePolicy({ lane }: { readonly lane: Lane }): JSX.Element {
  const { policy, issuer, key } = lane;
  return (
    <FactList
      title="Issuer and limits"
      facts={[
        ['Issuer', <CopiedText key="key" text={issuer.name} label="issuer name" />],
        ['Kind', `${issuer.kind}.${issuer.group}`],
        ['Namespace', issuer.namespace === '' ? 'cluster-wide' : issuer.namespace],
        ['Key', <CopiedText key="key" text={key} label="issuer key" />],
        ['Rate', describeRate(lane)],
        [
          'In flight',
          `at most ${formatCount(policy.maxInFlight)}, answer timeout ${shortDuration(policy.answerTimeoutMs)}`,
        ],
        ['Windows', describeWindow(lane)],
        [
          'Back-off after',
          `${counted(policy.backoff.threshold, 'consecutive failure')}, at most ${shortDuration(policy.backoff.maxMs)}`,
        ],
        ['Priority', String(policy.priority)],
        [
          'Audit',
          <a key="audit" href={auditHref({ target: `lane ${key}` })}>
            Actions on this lane
          </a>,
        ],
      ]}
    />
  );
}
