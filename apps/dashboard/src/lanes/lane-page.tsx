import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Lane } from '@certfleet/operator-api/lanes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { format, t } from '../messages/messages.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { auditHref } from '../routing/route.ts';
import { shortDuration } from '../time/relative-time.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { CopiedText } from '../ui/copied-text.tsx';
import { formatCount } from '../ui/count.ts';
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
  const name = lane.data === undefined ? t.lanes.lane : issuerParts(lane.data.key).name;
  return (
    <>
      <PageHead
        title={name}
        parent={{ href: '/lanes', title: t.views.lanes }}
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
            <LaneHistoryPanel id={id} issuer={data.key} />
            <StateCountList byState={data.byState} filter={{ issuer: data.key }} />
            <VolumeList title={t.lanes.nextRenewals} filter={{ issuer: data.key }} />
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
          {t.common.retryFailed}
        </ActionButton>
      )}
      <ActionButton on={on} onClick={() => setOpen('renew')}>
        {t.common.renewAll}
      </ActionButton>
      {paused === undefined ? (
        <ActionButton on={on} onClick={() => setOpen('pause')}>
          {t.lanes.pause}
        </ActionButton>
      ) : (
        <ActionButton on={on} primary onClick={() => setOpen('resume')}>
          {t.lanes.resume}
        </ActionButton>
      )}
      {open === 'pause' && (
        <ConfirmDialog
          on={on}
          title={t.lanes.pauseTitle(issuerParts(key).name)}
          action={t.lanes.pauseAction}
          asksReason
          onConfirm={(reason) => api.pauseLane(id, reason).then(onDone)}
          onClose={close}
        >
          <p>{t.lanes.pauseText(lane.volumes)}</p>
        </ConfirmDialog>
      )}
      {open === 'resume' && (
        <ConfirmDialog
          on={on}
          title={t.lanes.resumeTitle(issuerParts(key).name)}
          action={t.lanes.resumeAction}
          onConfirm={() => api.resumeLane(id).then(onDone)}
          onClose={close}
        >
          <p>{t.lanes.resumeText({ renewals: waitingIn(lane), rate: describeRate(lane) })}</p>
        </ConfirmDialog>
      )}
      {open === 'renew' && <RenewDialog selection={{ query: { issuer: key } }} onClose={close} />}
      {open === 'retry' && (
        <RenewDialog selection={{ query: { issuer: key, state: 'failing,expired' } }} onClose={close} />
      )}
    </>
  );
}

const { facts, policy: texts } = t.lanes;

function LaneFacts({ lane }: { readonly lane: Lane }): JSX.Element {
  const { times } = useServices();
  const { paused, lastError, queueEndsAt, backoffUntil, opensAt, failureStreak } = lane;
  return (
    <FactList
      title={facts.title}
      facts={[
        [t.fields.waiting, facts.waiting(lane)],
        [t.fields.inFlight, facts.inFlight({ count: lane.inFlight, most: lane.policy.maxInFlight })],
        [facts.queueEnds, queueEndsAt && <RelativeTime at={queueEndsAt} />],
        [facts.paused, paused && facts.pausedBy({ ...paused, at: times.absolute(Date.parse(paused.at)) })],
        [facts.backingOffUntil, backoffUntil && <RelativeTime at={backoffUntil} />],
        [facts.windowOpens, opensAt && <RelativeTime at={opensAt} />],
        [t.fields.consecutiveFailures, failureStreak > 0 ? formatCount(failureStreak) : facts.none],
        [
          t.fields.lastError,
          lastError && (
            <>
              {lastError.message} <span class="dim">{facts.at(<RelativeTime at={lastError.at} />)}</span>
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
      title={texts.title}
      facts={[
        [t.fields.issuer, <CopiedText key="key" text={issuer.name} label={t.ui.copy.issuerName} />],
        [t.fields.kind, `${issuer.kind}.${issuer.group}`],
        [t.fields.namespace, issuer.namespace === '' ? texts.clusterWide : issuer.namespace],
        [t.fields.key, <CopiedText key="key" text={key} label={t.ui.copy.issuerKey} />],
        [t.fields.rate, describeRate(lane)],
        [
          t.fields.inFlight,
          texts.inFlight({ most: policy.maxInFlight, timeout: shortDuration(policy.answerTimeoutMs) }),
        ],
        [t.fields.windows, describeWindow(lane)],
        [
          texts.backoffAfter,
          texts.backoff({ failures: policy.backoff.threshold, most: shortDuration(policy.backoff.maxMs) }),
        ],
        [texts.priority, format.digits(policy.priority)],
        [
          t.fields.audit,
          <a key="audit" href={auditHref({ target: `lane ${key}` })}>
            {texts.actions}
          </a>,
        ],
      ]}
    />
  );
}
