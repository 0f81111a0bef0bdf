import type { ComponentChildren, JSX } from 'preact';
import type { Summary } from '@certfleet/operator-api/summary.ts';
import { riskReasons } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { StateBar } from '../charts/state-bar.tsx';
import type { StateCounts as Counts } from '../charts/state-bar.tsx';
import { volumesHref } from '../routing/route.ts';
import { counted, formatCount } from '../ui/count.ts';
import { Icon } from '../ui/icon.tsx';
import type { IconName } from '../ui/icon.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { stateMeanings, stateTitles } from '../ui/state-badge.tsx';
import { stateOrder } from '../ui/state-order.ts';

/** Key figures of the fleet: volumes by state, agents, lanes, Redis. */
export function FleetFacts({
  summary,
  isCurrent,
}: {
  readonly summary: Summary;
  readonly isCurrent: boolean;
}): JSX.Element {
  const { volumes, soonestExpiry, agents, lanes, redis, atRisk } = summary;
  return (
    <section class="panel fleet" aria-label="The fleet">
      <dl class="facts-row">
        <Fact title="Volumes">
          <a href="/volumes">{formatCount(volumes)}</a>
        </Fact>
        <AtRiskFact volumes={atRisk} podCertificates={summary.podCertificates?.atRisk ?? 0} />
        <Fact title="Soonest expiry">
          <a href="/volumes?sort=expires">
            <RelativeTime at={soonestExpiry} />
          </a>
        </Fact>
        <Fact
          title="Agents"
          note={agents.silent > 0 ? `${formatCount(agents.silent)} silent` : 'none silent'}
          isBad={agents.silent > 0}
        >
          <a href="/nodes">{formatCount(agents.online)} online</a>
        </Fact>
        <PodCertificatesFact counts={summary.podCertificates} />
        <Fact title="Lanes" note={laneNote(lanes)} isBad={lanes.backingOff > 0}>
          <a href="/lanes">{formatCount(lanes.known)}</a>
        </Fact>
        <RedisFact redis={redis} isCurrent={isCurrent} />
      </dl>
      <StateCounts summary={summary} />
    </section>
  );
}

const isBad = (state: VolumeStatus): boolean => riskReasons.some((reason) => reason === state);

const outsideReasons = riskReasons.filter((reason) => !stateOrder.some((state) => state === reason));

/** The volumes by state; those at risk are counted for themselves. */
function StateCounts({ summary: { volumes, byState, atRiskByState } }: { readonly summary: Summary }): JSX.Element {
  // A volume at risk is not counted as healthy, whatever its own state.
  const certain = Object.fromEntries(
    stateOrder.map((state) => [state, byState[state] - (isBad(state) ? 0 : atRiskByState[state])]),
  ) as Counts;
  const uncertain = volumes - stateOrder.reduce((sum, state) => sum + certain[state], 0);
  return (
    <>
      <StateBar counts={certain} atRisk={uncertain} />
      <ul class="states">
        {stateOrder.map((state) => (
          <li key={state}>
            <StateCount
              kind={state}
              title={stateTitles[state]}
              meaning={stateMeanings[state]}
              count={certain[state]}
              href={volumesHref(isBad(state) ? { state } : { state, risk: 'none' })}
            />
          </li>
        ))}
        <li>
          <StateCount
            kind="overdue"
            icon="warning"
            title="At risk"
            meaning="not failing, but a silent node, Redis or the lane prevents the renewal"
            count={uncertain}
            href={`/at-risk?${new URLSearchParams({ risk: outsideReasons.join(',') }).toString()}`}
          />
        </li>
      </ul>
    </>
  );
}

interface StateCountProps {
  readonly kind: VolumeStatus;
  readonly icon?: IconName;
  readonly title: string;
  readonly meaning: string;
  readonly count: number;
  readonly href: string;
}

function StateCount({ kind, icon = kind, title, meaning, count, href }: StateCountProps): JSX.Element {
  return (
    <a href={href} class={`state-count state-${kind}${count === 0 ? ' zero' : ''}`} title={meaning}>
      <span class="state">
        <Icon name={icon} />
        {title}
      </span>
      <span class="big">{formatCount(count)}</span>
    </a>
  );
}

interface FactProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly note?: string;
  readonly isBad?: boolean;
}

function Fact({ title, children, note, isBad = false }: FactProps): JSX.Element {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        <span class="big">{children}</span>
        {note !== undefined && <span class={isBad ? 'bad small' : 'dim small'}>{note}</span>}
      </dd>
    </div>
  );
}

interface AtRiskFactProps {
  readonly volumes: number;
  readonly podCertificates: number;
}

/** Nothing if nothing is at risk. */
function AtRiskFact({ volumes, podCertificates }: AtRiskFactProps): JSX.Element | null {
  if (volumes + podCertificates === 0) return null;
  const note =
    podCertificates === 0
      ? 'renewal not certain'
      : `${counted(volumes, 'volume')}, ${counted(podCertificates, 'pod certificate')}`;
  return (
    <Fact title="At risk" note={note} isBad>
      <a href="/at-risk">{formatCount(volumes + podCertificates)}</a>
    </Fact>
  );
}

/** Nothing if the controller does not follow pod certificates. */
function PodCertificatesFact({ counts }: { readonly counts: Summary['podCertificates'] }): JSX.Element | null {
  if (counts === undefined) return null;
  const { total, byState, following, atRisk } = counts;
  const waiting = atRisk - troubledStates.reduce((sum, state) => sum + byState[state], 0);
  const notes = [
    ...troubledStates.flatMap((state) => (byState[state] > 0 ? [`${byState[state]} ${state}`] : [])),
    ...(waiting > 0 ? [`${waiting} waiting too long`] : []),
  ];
  const isOutdated = following === 'outdated';
  return (
    <Fact
      title="Pod certificates"
      note={isOutdated ? 'outdated' : notes.join(', ') || 'none at risk'}
      isBad={isOutdated || notes.length > 0}
    >
      <a href="/pod-certificates">{formatCount(total)}</a>
    </Fact>
  );
}

const troubledStates = ['denied', 'failed', 'expired', 'overdue'] as const;

function RedisFact({
  redis,
  isCurrent,
}: {
  readonly redis: Summary['redis'];
  readonly isCurrent: boolean;
}): JSX.Element {
  if (!isCurrent) {
    return (
      <Fact title="Redis" note="the controller does not report it now">
        unknown
      </Fact>
    );
  }
  return (
    <Fact title="Redis" note={redisNote(redis)} isBad={!redis.reachable || redis.evicts === true}>
      {redis.reachable ? 'reachable' : 'unreachable'}
    </Fact>
  );
}

function laneNote({ paused, backingOff }: Summary['lanes']): string {
  if (paused === 0 && backingOff === 0) return 'all open';
  return [paused > 0 ? `${paused} paused` : '', backingOff > 0 ? `${backingOff} backing off` : '']
    .filter(Boolean)
    .join(', ');
}

function redisNote({ reachable, latencyMs, evicts }: Summary['redis']): string {
  if (!reachable) return 'agents renew at their fallback deadlines';
  if (evicts === true) return 'may evict scheduled renewals';
  return latencyMs === undefined ? '' : `${latencyMs.toFixed(latencyMs < 10 ? 1 : 0)} ms`;
}
