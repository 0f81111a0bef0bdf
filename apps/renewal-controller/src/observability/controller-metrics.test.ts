import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import type { VolumeSketch } from '../dispatch/testing/test-fleet.ts';
import type { FleetStats } from '../fleet-index/view/fleet-stats.ts';
import { weighUrgency } from '../fleet-index/view/fleet-urgency.ts';
import { FleetView } from '../fleet-index/view/fleet-view.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { LaneDepth } from '../lanes/lane-depth.ts';
import { noPodCertificates } from '../pod-certificates/pod-certificate-stats.ts';
import type { PodCertificateCounts, PodCertificateTally } from '../pod-certificates/pod-certificate-stats.ts';
import { ControllerMetrics } from './controller-metrics.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';

const nowMs = Date.now();
const key = (name: string): string => `ClusterIssuer.cert-manager.io//${name}`;
const volumeOf = (sketch: VolumeSketch): IndexedVolume => indexedVolumeOf('node-a', reportOf(sketch));
const laneOf = (name: string, of: Partial<LaneDepth> = {}): LaneDepth => ({
  ...{ key: key(name), queued: 0, blocked: 0, inFlight: 0, status: 'open' },
  ...of,
});

function statsOf(volumes: readonly IndexedVolume[]): FleetStats {
  const view = new FleetView();
  for (const volume of volumes) view.set(volume.node, volume.volumeId, volume);
  return view.aggregate(nowMs);
}

function snapshotOf(volumes: readonly IndexedVolume[], lanes: readonly LaneDepth[] = []): ControllerSnapshot {
  return {
    atMs: nowMs,
    index: {
      stats: statsOf(volumes),
      urgency: weighUrgency(volumes, nowMs, new Set()),
      nodes: { online: 2, silent: 1 },
    },
    agentsConnected: 2,
    jobs: { delayed: 5, waiting: 1, active: 0 },
    lanes,
    policiesCurrent: true,
    rotations: [],
    renewals: [],
    podCertificates: undefined,
    redis: {
      reachable: true,
      latencyMs: 2,
      maxmemoryPolicy: 'allkeys-lru',
      usedMemoryBytes: 1_000,
      maxMemoryBytes: 2_000,
      problem: undefined,
      clients: undefined,
    },
  };
}

/** The series of a scrape without their common prefix. */
async function seriesOf(metrics: ControllerMetrics): Promise<Map<string, number>> {
  const lines = (await metrics.registry.metrics()).split('\n');
  const own = lines.filter((line) => line.startsWith('certfleet_controller_'));
  return new Map(
    own.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice('certfleet_controller_'.length, end), Number(line.slice(end + 1))];
    }),
  );
}

describe('ControllerMetrics', () => {
  test('labels every series with the name of the cluster', async () => {
    const snapshot = snapshotOf([volumeOf({ id: 'in-time' })]);
    const metrics = new ControllerMetrics(() => Promise.resolve(snapshot), new ManualClock(nowMs), 'prod-eu');
    const series = (await metrics.registry.metrics()).split('\n').filter((line) => /^[a-z]/.test(line));
    assert.ok(series.length > 50);
    for (const line of series) assert.match(line, /[{,]cluster="prod-eu"[,}]/);
  });

  test('a scrape shows the fleet, its lanes and Redis', async () => {
    const volumes = [
      volumeOf({ id: 'in-time', renewAtMs: nowMs + 60_000 }),
      volumeOf({ id: 'late', renewAtMs: nowMs - 30_000, notAfterMs: nowMs + 10_000 }),
    ];
    const lanes = [
      laneOf('ca', { blocked: 1, status: 'paused' }),
      laneOf('calm', { queued: 3, inFlight: 2 }),
      laneOf('night', { status: 'window' }),
    ];
    const metrics = new ControllerMetrics(() => Promise.resolve(snapshotOf(volumes, lanes)), new ManualClock(nowMs));
    const series = await seriesOf(metrics);
    for (const [name, value] of Object.entries({
      index_volumes: 2,
      index_current: 1,
      volumes_due: 1,
      volumes_overdue: 1,
      volumes_expired: 0,
      'volumes_expiring_soon{left="1/2"}': 1,
      'volumes_expiring_soon{left="1/4"}': 1,
      expiring_soon_not_after_timestamp_seconds: (nowMs + 10_000) / 1000,
      'nodes{state="silent"}': 1,
      'due_jobs{state="delayed"}': 5,
      'lanes{state="open"}': 1,
      'lanes{state="paused"}': 1,
      [`lane_depth{issuer="${key('ca')}",waiting="blocked"}`]: 1,
      [`lane_depth{issuer="${key('calm')}",waiting="in-flight"}`]: 2,
      [`lane_lag_seconds{issuer="${key('ca')}"}`]: 30,
      [`lane_stopped{issuer="${key('ca')}",reason="paused"}`]: 1,
      [`lane_stopped{issuer="${key('night')}",reason="window"}`]: 1,
      redis_reachable: 1,
      redis_latency_seconds: 0.002,
      redis_may_evict: 1,
      redis_memory_limit_bytes: 2_000,
      'renewals_total{result="ok",path="deadline"}': 0,
    })) {
      assert.equal(series.get(name), value, name);
    }
  });

  test('omits the series of unknown values', async () => {
    const away: ControllerSnapshot = {
      ...snapshotOf([]),
      ...{ index: undefined, jobs: undefined, lanes: undefined },
      redis: {
        reachable: false,
        latencyMs: undefined,
        maxmemoryPolicy: undefined,
        usedMemoryBytes: undefined,
        maxMemoryBytes: undefined,
        problem: undefined,
        clients: undefined,
      },
    };
    let snapshot = snapshotOf([volumeOf({ id: 'v' })], [laneOf('ca')]);
    const clock = new ManualClock(nowMs);
    const metrics = new ControllerMetrics(() => Promise.resolve(snapshot), clock);
    assert.equal((await seriesOf(metrics)).get('index_volumes'), 1);
    snapshot = away;
    await clock.advance(60_000);
    const gauges = [...(await seriesOf(metrics))].filter(([name]) => !/_(total|bucket|sum|count)\b/.test(name));
    assert.deepEqual(gauges, [
      ['rollouts_blocked', 0],
      ['policies_current', 1],
      ['redis_reachable', 0],
      ['redis_problem{kind="unreachable"}', 1],
      ['redis_problem{kind="not-primary"}', 0],
      ['redis_problem{kind="refuses-writes"}', 0],
      ['redis_problem{kind="forbidden"}', 0],
      ['index_current', 0],
      ['agents_connected', 2],
    ]);
  });

  test('bounds the number of labels and keeps the names of issuers with problems', async () => {
    const names = Array.from({ length: 400 }, (_, i) => `issuer-${i}`);
    const volumes = names.flatMap((issuer, i) => [
      volumeOf({ id: `${i}`, issuer, renewAtMs: nowMs + 60_000 }),
      volumeOf({ id: `${i}-2`, issuer, renewAtMs: nowMs + 60_000 }),
    ]);
    volumes.push(volumeOf({ id: 'x', issuer: 'small-and-broken', attempts: 2 }));
    const lanes = [
      ...names.map((name, i) => laneOf(name, { queued: i })),
      laneOf('stuck', { blocked: 1, status: 'paused' }),
    ];
    const metrics = new ControllerMetrics(() => Promise.resolve(snapshotOf(volumes, lanes)), new ManualClock(nowMs));
    const series = await seriesOf(metrics);
    const startingWith = (start: string): number => [...series.keys()].filter((name) => name.startsWith(start)).length;
    assert.ok(startingWith('volumes{') <= 102, `${startingWith('volumes{')} series`);
    assert.equal(startingWith('lane_depth{'), 51 * 3);
    assert.equal(series.get(`volumes{state="failing",issuer="${key('small-and-broken')}"}`), 1);
    assert.equal(series.get(`lane_depth{issuer="${key('stuck')}",waiting="blocked"}`), 1);
    const queued = [...series].filter(([name]) => name.startsWith('lane_depth') && name.includes('"queued"'));
    assert.equal(
      queued.reduce((sum, [, count]) => sum + count, 0),
      (399 * 400) / 2,
    );
  });

  test('shows pod certificates by signer and state; tenants cannot make more than a bounded number of series', async () => {
    const tally = (total: number, states: Partial<PodCertificateCounts>): PodCertificateTally => ({
      total,
      byState: { ...noPodCertificates(), ...states },
      soonestExpiryMs: nowMs + total * 1_000,
    });
    const large = Array.from({ length: 60 }, (_, i) => [`example.com/${i}`, tally(10, { issued: 10 })] as const);
    const signers = new Map([...large, ['example.com/small', tally(1, { denied: 1 })] as const]);
    const risk = { reason: 'overdue', sinceMs: nowMs, soonestExpiryMs: undefined, refusal: '', refusedMs: 0 } as const;
    const risks = [
      { ...risk, signer: 'example.com/small', count: 2 },
      { ...risk, signer: 'example.com/59', count: 3 },
    ];
    const stats = { all: tally(601, { issued: 600, overdue: 2, expired: 1 }), signers, risks };
    const podCertificates = { isCurrent: true, stats };
    const taken = { ...snapshotOf([]), podCertificates };
    const series = await seriesOf(new ControllerMetrics(() => Promise.resolve(taken), new ManualClock(nowMs)));
    const own = [...series.keys()].filter((name) => name.startsWith('pod_certificates{'));
    assert.equal(own.length, 51);
    assert.equal(series.get('pod_certificates{signer="example.com/small",state="denied"}'), 1);
    assert.equal(series.get('pod_certificates{signer="other",state="issued"}'), 110);
    assert.equal(series.get('pod_certificates_soonest_not_after_timestamp_seconds{signer="other"}'), nowMs / 1000 + 10);
    assert.equal(series.get('pod_certificates_at_risk{signer="example.com/small",reason="overdue"}'), 2);
    assert.equal(series.get('pod_certificates_at_risk{signer="example.com/59",reason="overdue"}'), 3);
    assert.equal(series.get('pod_certificates_overdue'), 3);
    assert.equal(series.get('pod_certificates_current'), 1);
    const off = await seriesOf(new ControllerMetrics(() => Promise.resolve(snapshotOf([])), new ManualClock(nowMs)));
    assert.deepEqual(
      [...off.keys()].filter((name) => name.startsWith('pod_certificates')),
      [],
    );
  });

  test('counts renewals by result and path, and observes the delay of their reports', async () => {
    const metrics = new ControllerMetrics(() => Promise.resolve(snapshotOf([])), new ManualClock(nowMs));
    const renewed = volumeOf({ id: 'v', notBeforeMs: nowMs - 4_000 });
    metrics.settled({ ...renewed, cause: 2 }, 'ok');
    metrics.settled({ ...renewed, cause: 3 }, 'ok');
    metrics.settled(renewed, 'failed');
    const series = await seriesOf(metrics);
    assert.equal(series.get('renewals_total{result="ok",path="controller"}'), 1);
    assert.equal(series.get('renewals_total{result="ok",path="deadline"}'), 1);
    assert.equal(series.get('renewals_total{result="failed",path="none"}'), 1);
    assert.equal(series.get('report_lag_seconds_sum'), 8);
  });
});
