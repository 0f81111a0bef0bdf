import { laneStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { caGauges } from './ca-gauges.ts';
import type { ControllerSnapshot, IndexSnapshot } from './controller-snapshot.ts';
import type { IssuerNames, NamedCandidate } from './issuer-names.ts';
import { labelGauges } from './label-gauges.ts';
import { laneRows } from './lane-rows.ts';
import type { LaneRow } from './lane-rows.ts';
import { maxNamedIssuers, named, otherIssuers } from './metric-names.ts';
import { podCertificateGauges } from './pod-certificate-gauges.ts';
import { postureGauges } from './posture-gauges.ts';
import { renewalGauges } from './renewal-gauges.ts';
import { rotationGauges } from './rotation-gauges.ts';

type Show = (gauge: Gauge, snapshot: ControllerSnapshot) => void;

/** Selects the issuers with their own series, for volumes and for lanes. */
export interface GaugeNames {
  readonly volumes: IssuerNames;
  readonly lanes: IssuerNames;
}

/**
 * Registers the gauges of the fleet, its lanes and Redis. One snapshot provides all values of a scrape; unknown values
 * have no series.
 */
export function registerGauges(
  registry: Registry,
  snapshot: () => Promise<ControllerSnapshot>,
  names: GaugeNames,
): void {
  const gauge = (name: string, labelNames: readonly string[], help: string, show: Show): void => {
    new Gauge({
      ...named(name, help),
      labelNames,
      registers: [registry],
      async collect() {
        const taken = await snapshot();
        // Without labels a reset would leave the value 0.
        if (labelNames.length === 0) this.remove();
        else this.reset();
        show(this, taken);
      },
    });
  };
  const indexed = (
    name: string,
    labels: readonly string[],
    help: string,
    show: (gauge: Gauge, index: IndexSnapshot) => void,
  ): void => gauge(name, labels, help, (shown, { index }) => index && show(shown, index));
  fleetGauges(indexed, names.volumes);
  postureGauges(indexed);
  labelGauges(indexed);
  caGauges(indexed);
  laneGauges(gauge, names.lanes);
  redisGauges(gauge);
  rotationGauges(gauge);
  renewalGauges(gauge);
  podCertificateGauges(gauge);
  gauge(
    'index_current',
    [],
    'Whether the index is loaded and up to date; the metrics of volumes are absent otherwise.',
    (g, s) => g.set(s.index === undefined ? 0 : 1),
  );
  gauge('agents_connected', [], 'Agents with a stream to this replica.', (g, { agentsConnected }) =>
    g.set(agentsConnected),
  );
  gauge('due_jobs', ['state'], 'Jobs of the due queue, by state.', (g, { jobs }) => {
    for (const [state, count] of Object.entries(jobs ?? {})) g.set({ state }, count);
  });
}

type Register<Shown> = (
  name: string,
  labels: readonly string[],
  help: string,
  show: (gauge: Gauge, shown: Shown) => void,
) => void;

function fleetGauges(gauge: Register<IndexSnapshot>, names: IssuerNames): void {
  gauge('index_volumes', [], 'Volumes in the index.', (g, { stats, silent }) =>
    g.set(stats.all.volumes + (silent?.volumes ?? 0)),
  );
  gauge(
    'silent_node_volumes',
    ['state'],
    'Volumes on silent nodes, by last known state; their pods may be gone. Of the other gauges of volumes only index_volumes includes them.',
    (g, { silent }) => {
      g.set({ state: 'expired' }, silent?.byState.expired ?? 0);
      for (const [state, count] of Object.entries(silent?.byState ?? {})) if (count > 0) g.set({ state }, count);
    },
  );
  gauge(
    'volumes',
    ['state', 'issuer'],
    'Volumes by state and issuer. Only a bounded number of issuers is named: those with problems first, then the largest, and few of those that a single node reports. The rest is "other".',
    (g, index) => showIssuers(g, index, names),
  );
  gauge(
    'soonest_not_after_timestamp_seconds',
    [],
    'Not-after of the unexpired certificate that expires next; 0 if there is none.',
    (g, { stats }) => g.set((stats.all.soonestExpiryMs ?? 0) / 1000),
  );
  gauge('volumes_due', [], 'Volumes past their renew-at.', (g, { urgency }) => g.set(urgency.due));
  gauge(
    'volumes_overdue',
    [],
    'Unexpired volumes past the fallback deadline of their agent, without a failed attempt.',
    (g, { urgency }) => g.set(urgency.overdue),
  );
  gauge('volumes_expired', [], 'Volumes past their not-after, on nodes that are not silent.', (g, { stats }) =>
    g.set(stats.all.byState.expired),
  );
  gauge(
    'volumes_expiring_soon',
    ['left'],
    'Unexpired volumes with at most this fraction of the time between renew-at and not-after left.',
    (g, { urgency }) => {
      g.set({ left: '1/2' }, urgency.halfLeft);
      g.set({ left: '1/4' }, urgency.quarterLeft);
    },
  );
  gauge(
    'expiring_soon_not_after_timestamp_seconds',
    [],
    'Earliest not-after of the volumes that expire soon; absent if there are none.',
    (g, { urgency: { firstExpiringSoonMs } }) => {
      if (firstExpiringSoonMs !== undefined) g.set(firstExpiringSoonMs / 1000);
    },
  );
  gauge('nodes', ['state'], 'Nodes by whether their agent is online or silent.', (g, { nodes }) => {
    for (const [state, count] of Object.entries(nodes)) g.set({ state }, count);
  });
}

function laneGauges(gauge: Register<ControllerSnapshot>, names: IssuerNames): void {
  const rowsOf = (snapshot: ControllerSnapshot): readonly LaneRow[] => {
    const { index, lanes = [] } = snapshot;
    if (index?.reporters === undefined) return laneRows(snapshot);
    const candidates = lanes.map(({ key, queued, blocked, inFlight }) => ({
      key,
      trouble: index.urgency.oldestDueMs.has(key) || blocked > 0 ? 1 : 0,
      size: queued + blocked + inFlight,
    }));
    const within = names.choose(candidates, index.reporters);
    return laneRows(snapshot, (issuer) => within.has(issuer));
  };
  gauge(
    'lanes',
    ['state'],
    'Lanes by state: open, paused, backing off after failures, or outside their window.',
    (g, { lanes }) => {
      if (lanes === undefined) return;
      for (const state of laneStatuses) g.set({ state }, 0);
      for (const { status } of lanes) g.inc({ state: status });
    },
  );
  gauge(
    'lane_depth',
    ['issuer', 'waiting'],
    'Renewals in the lanes of issuers: queued with a reserved slot, blocked, or in flight.',
    (g, snapshot) => {
      for (const { issuer, queued, blocked, inFlight } of rowsOf(snapshot)) {
        g.set({ issuer, waiting: 'queued' }, queued);
        g.set({ issuer, waiting: 'blocked' }, blocked);
        g.set({ issuer, waiting: 'in-flight' }, inFlight);
      }
    },
  );
  gauge(
    'lane_lag_seconds',
    ['issuer'],
    "Time since the renew-at of the oldest volume that waits in an issuer's lane.",
    (g, snapshot) => {
      for (const { issuer, lagMs } of rowsOf(snapshot)) g.set({ issuer }, lagMs / 1000);
    },
  );
  gauge(
    'lane_stopped',
    ['issuer', 'reason'],
    '1 for each lane that is paused, backing off after failures, or outside its window.',
    (g, snapshot) => {
      for (const { issuer, status } of rowsOf(snapshot)) {
        if (status !== 'open') g.set({ issuer, reason: status }, 1);
      }
    },
  );
}

function redisGauges(gauge: Register<ControllerSnapshot>): void {
  gauge(
    'policies_current',
    [],
    'Whether the replica knows the current LanePolicies; if not after its start, it starts no renewal.',
    (g, { policiesCurrent }) => g.set(policiesCurrent ? 1 : 0),
  );
  gauge('redis_reachable', [], 'Whether Redis answered the last health check.', (g, { redis }) =>
    g.set(redis.reachable ? 1 : 0),
  );
  gauge(
    'redis_problem',
    ['kind'],
    '1 for the problem that keeps Redis from serving: unreachable, not-primary, refuses-writes or forbidden.',
    (g, { redis: { problem, reachable } }) => {
      for (const kind of ['unreachable', 'not-primary', 'refuses-writes', 'forbidden']) g.set({ kind }, 0);
      if (problem !== undefined || !reachable) g.set({ kind: problem?.kind ?? 'unreachable' }, 1);
    },
  );
  gauge(
    'redis_clients',
    [],
    'Connections of the Redis server with the most connections.',
    (g, { redis: { clients } }) => {
      if (clients !== undefined) g.set(clients.connected);
    },
  );
  gauge(
    'redis_clients_limit',
    [],
    'maxclients of the Redis server with the most connections.',
    (g, { redis: { clients } }) => {
      if (clients !== undefined && Number.isFinite(clients.limit)) g.set(clients.limit);
    },
  );
  gauge('redis_latency_seconds', [], 'Round-trip time to Redis; absent while Redis is unavailable.', (g, { redis }) => {
    if (redis.latencyMs !== undefined) g.set(redis.latencyMs / 1000);
  });
  gauge(
    'redis_may_evict',
    [],
    'Whether the maxmemory-policy of Redis differs from noeviction, so that Redis may evict scheduled renewals.',
    (g, { redis: { maxmemoryPolicy } }) => {
      if (maxmemoryPolicy !== undefined) g.set(maxmemoryPolicy === 'noeviction' ? 0 : 1);
    },
  );
  gauge('redis_memory_used_bytes', [], 'Memory used by Redis.', (g, { redis: { usedMemoryBytes } }) => {
    if (usedMemoryBytes !== undefined) g.set(usedMemoryBytes);
  });
  gauge(
    'redis_memory_limit_bytes',
    [],
    'maxmemory of Redis; absent without a limit.',
    (g, { redis: { maxMemoryBytes } }) => {
      if (maxMemoryBytes !== undefined) g.set(maxMemoryBytes);
    },
  );
}

/** States that are shown by issuer even for the smallest issuers. */
const troubled: ReadonlySet<string> = new Set(['expired', 'failing', 'overdue']);

function showIssuers(gauge: Gauge, index: IndexSnapshot, names: IssuerNames): void {
  const counted = [...index.stats.issuers.values()].map(({ key, volumes, byState }) => {
    const counts = Object.entries(byState);
    const trouble = counts.some(([state, count]) => count > 0 && troubled.has(state)) ? 1 : 0;
    return { key, counts, trouble, size: volumes };
  });
  const shown = issuersToName(names, counted, index);
  for (const { key, counts } of counted) {
    const issuer = shown.has(key) ? key : otherIssuers;
    for (const [state, count] of counts) if (count > 0) gauge.inc({ state, issuer }, count);
  }
}

/**
 * Selects the issuers to name. Without data about their reporters, issuers with problems come first, then the largest.
 */
function issuersToName(
  names: IssuerNames,
  candidates: readonly NamedCandidate[],
  index: IndexSnapshot | undefined,
): ReadonlySet<string> {
  if (index?.reporters !== undefined) return names.choose(candidates, index.reporters);
  const sorted = [...candidates].sort((a, b) => b.trouble - a.trouble || b.size - a.size);
  return new Set(sorted.slice(0, maxNamedIssuers).map(({ key }) => key));
}
