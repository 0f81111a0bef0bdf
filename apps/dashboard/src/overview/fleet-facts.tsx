import type { ComponentChildren, JSX } from 'preact';
import type { Summary } from '@certfleet/operator-api/summary.ts';
import { StateBar } from '../charts/state-bar.tsx';
import { volumesHref } from '../routing/route.ts';
import { formatCount } from '../ui/count.ts';
import { Icon } from '../ui/icon.tsx';
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
  const { volumes, byState, soonestExpiry, agents, lanes, redis, atRisk } = summary;
  return (
    <section class="panel fleet" aria-label="The fleet">
      <dl class="facts-row">
        <Fact title="Volumes">
          <a href="/volumes">{formatCount(volumes)}</a>
        </Fact>
        {atRisk > 0 && (
          <Fact title="At risk" note="renewal not certain" isBad>
            {formatCount(atRisk)}
          </Fact>
        )}
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
        <Fact title="Lanes" note={laneNote(lanes)} isBad={lanes.backingOff > 0}>
          <a href="/lanes">{formatCount(lanes.known)}</a>
        </Fact>
        <RedisFact redis={redis} isCurrent={isCurrent} />
      </dl>
      <StateBar counts={byState} />
      <ul class="states">
        {stateOrder.map((state) => (
          <li key={state}>
            <a
              href={volumesHref({ state })}
              class={`state-count state-${state}${byState[state] === 0 ? ' zero' : ''}`}
              title={stateMeanings[state]}
            >
              <span class="state">
                <Icon name={state} />
                {stateTitles[state]}
              </span>
              <span class="big">{formatCount(byState[state])}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
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
