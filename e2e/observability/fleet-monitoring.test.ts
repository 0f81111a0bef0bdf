// A real Prometheus with the chart's alerts monitors real parts: API server, cert-manager, Redis, controller, agents.
// Every alert fires in its fault, and every dashboard query returns data. The faults are ordered so that each starts
// with a healthy fleet.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { cannotMount } from '../agent/test-node.ts';
import { waitUntil } from '../cluster/wait.ts';
import { dashboardQueries } from './support/dashboard-queries.ts';
import type { DashboardQuery } from './support/dashboard-queries.ts';
import { issuerKey, MonitoredFleet, narrowIssuer } from './support/monitored-fleet.ts';
import type { Lifetime, NodeName } from './support/monitored-fleet.ts';
import type { ActiveAlert } from './support/prometheus-server.ts';
import { quickRules } from './support/quick-rules.ts';

/** Due again every four seconds; two seconds later the agent would renew without the controller. */
const brief: Lifetime = { duration: '20s', 'renew-before': '16s' };
const long: Lifetime = { duration: '1h' };
const timeoutMs = 120_000;

let fleet: MonitoredFleet;
let redis: Redis;
const seen = new Map<string, ActiveAlert>();

before(async () => {
  if (cannotMount) return;
  fleet = await MonitoredFleet.start(await quickRules());
  redis = new Redis(fleet.redis.url);
  redis.on('error', () => undefined);
});
after(async () => {
  if (cannotMount) return;
  redis.disconnect();
  await fleet[Symbol.asyncDispose]();
});

async function firing(): Promise<ReadonlySet<string>> {
  const alerts = (await fleet.prometheus.alerts()).filter(({ state }) => state === 'firing');
  for (const alert of alerts) seen.set(alert.labels['alertname'] ?? '', alert);
  return new Set(alerts.map(({ labels }) => labels['alertname'] ?? ''));
}

const explain = async (): Promise<string> => `firing: ${[...(await firing())].join(', ')}`;

/** Waits until each of these has fired, not necessarily at the same time. */
async function fire(...names: readonly string[]): Promise<void> {
  const missing = new Set(names);
  const all = async (): Promise<boolean> => {
    for (const name of await firing()) missing.delete(name);
    return missing.size === 0;
  };
  await waitUntil(`${names.join(', ')} to fire`, all, {
    timeoutMs,
    intervalMs: 200,
    explain: async () => `missing: ${[...missing].join(', ')}; ${await explain()}`,
  });
}

/** Waits until no alert fires. */
async function calm(): Promise<void> {
  await waitUntil('all alerts to end', async () => (await firing()).size === 0, {
    timeoutMs,
    intervalMs: 200,
    explain,
  });
}

async function emptyOf(queries: readonly DashboardQuery[]): Promise<readonly string[]> {
  const empty: string[] = [];
  for (const { panel, expr } of queries)
    if ((await fleet.prometheus.query(expr)).length === 0) empty.push(`${panel}: ${expr}`);
  return empty;
}

/** Waits until a volume of the node is due within that time, but not at once. */
async function renewalIsNear(name: NodeName, withinMs: number): Promise<void> {
  const node = fleet.fileSystemOf(name);
  const isNear = (): boolean =>
    node.stored().some((volumeId) => {
      const leftMs = new Date(node.recordOf({ volumeId })?.issued?.renewAt ?? 0).getTime() - Date.now();
      return leftMs > 500 && leftMs < withinMs;
    });
  await waitUntil('a renewal to be near', () => Promise.resolve(isNear()), { timeoutMs, intervalMs: 100 });
}

/** How long ago the node's first certificate since that time was issued, in milliseconds; 0 if there is none. */
function oldestIssueAfter(name: NodeName, sinceMs: number): number {
  const node = fleet.fileSystemOf(name);
  const issuedMs = node
    .stored()
    .map((volumeId) => new Date(node.recordOf({ volumeId })?.issued?.issuedAt ?? 0).getTime())
    .filter((atMs) => atMs > sinceMs);
  return issuedMs.length === 0 ? 0 : Date.now() - Math.min(...issuedMs);
}

/**
 * Pods of this fleet have no address, process, workload or pod certificate, and its agents no CAs to rotate:
 * e2e/node/suites/{probes,reload}.ts, e2e/node/fleet/ca-rotation.ts and
 * e2e/fleet/{rotations,pod-events,pod-certificates}.test.ts bring about the conditions of these alerts.
 */
const needRunningPods: readonly string[] = [
  'CertfleetCertificateNotLoaded',
  'CertfleetReloadFailed',
  'CertfleetRolloutBlocked',
  'CertfleetCaRotationStopped',
  'CertfleetCaRotationProposed',
  'CertfleetPodCertificateOverdue',
  'CertfleetPodCertificateRefused',
  'CertfleetPodCertificatesOutdated',
];

/** Panels that only a fault fills. */
const faultPanels = new Set(['Failures by reason', 'Issuers with problems', 'Delayed renewals by reason']);

async function fills(panel: string): Promise<void> {
  const queries = (await dashboardQueries('20s')).filter((query) => query.panel === panel);
  assert.ok(queries.length > 0, panel);
  await waitUntil(`the panel "${panel}" to show something`, async () => (await emptyOf(queries)).length === 0, {
    timeoutMs,
    intervalMs: 500,
  });
}

describe('a monitored fleet', { skip: cannotMount }, () => {
  it('is quiet while volumes are renewed through the controller', async () => {
    await fleet.publish('node-1', 'steady-1', brief);
    await fleet.publish('node-2', 'steady-2', brief);
    await fleet.publish('node-1', 'long', long);
    await waitUntil(
      'renewals by the controller',
      async () => {
        const [sample] = await fleet.prometheus.query(
          'sum(certfleet_controller_renewals_total{path="controller"}) > 2',
        );
        return sample !== undefined;
      },
      { timeoutMs, intervalMs: 500, explain },
    );
    assert.deepEqual([...(await firing())], []);
  });

  it('has metrics with names and types that promtool accepts', async () => {
    for (const program of ['node-1', 'controller'] as const) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await fleet.metricsOf(program),
        encoding: 'utf8',
      });
      assert.equal(`${stdout}${stderr}`, '', program);
      assert.equal(status, 0);
    }
  });

  it('fills every panel of the dashboard', async () => {
    const queries = (await dashboardQueries('20s')).filter(({ panel }) => !faultPanels.has(panel));
    assert.ok(queries.length > 40);
    assert.deepEqual(await emptyOf(queries), []);
  });

  it('reports a paused lane, a lane that is too slow, and a Redis that evicts or is full', async () => {
    await fleet.pause(issuerKey);
    const narrow = await Promise.all(
      ['narrow-1', 'narrow-2', 'narrow-3'].map((name) => fleet.publish('node-1', name, brief, narrowIssuer)),
    );
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    await redis.config('SET', 'maxmemory', Math.round(used * 1.08));
    await fire('CertfleetRedisMayEvict', 'CertfleetRedisFull');
    await redis.config('SET', 'maxmemory', '64mb');
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await fire('CertfleetLanePaused', 'CertfleetLaneStuck');
    await fills('Delayed renewals by reason');
    await fleet.resume(issuerKey);
    await Promise.all(narrow.map((volume) => fleet.unpublish('node-1', volume)));
    await calm();
  });

  it('reports an unapproved renewal, a violated limit, a pod without its renewed volume, and a tmpfs close to its reserve', async () => {
    const renewal = await fleet.renew({ canary: 1 });
    const weak = await fleet.publish('node-1', 'valid-too-long', { duration: '2h' });
    const volume = await fleet.publish('node-1', 'unmounted', long);
    execFileSync('umount', [volume.targetPath]);
    const { storePath } = fleet.fileSystemOf('node-2');
    const { bsize, bfree, blocks } = statfsSync(storePath);
    // A name of the agent's temporary files, which its next start removes.
    const filler = join(storePath, '..new-filler');
    writeFileSync(filler, Buffer.alloc(Math.floor(bsize * (bfree - blocks * 0.15))));
    await fire(
      ...['CertfleetRenewalAwaitingApproval', 'CertfleetPostureViolated'],
      ...['CertfleetMountMismatch', 'CertfleetAgentTmpfsNearlyFull'],
    );
    await fleet.cancelRenewal(renewal);
    rmSync(filler);
    for (const each of [weak, volume]) await fleet.unpublish('node-1', each);
    await calm();
  });

  it('reports an issuer that does not respond, until certificates expire and after', async () => {
    await fleet.cluster.certManager.stop();
    // Not of the volume that is valid for an hour: it would be retried minutes later.
    const renewal = await fleet.renew({ stopAfterFailures: 1 }, 'node-2');
    await fire('CertfleetRenewalStopped');
    await fleet.cancelRenewal(renewal);
    await fire('CertfleetRenewalFailing', 'CertfleetVolumeExpiresSoon', 'CertfleetVolumeAboutToExpire');
    await fills('Failures by reason');
    await fills('Issuers with problems');
    const enough = new AbortController();
    // Repeatedly, like the kubelet.
    const mounting = (async () => {
      while (!enough.signal.aborted) await fleet.publish('node-1', 'new-pod', long).catch(() => undefined);
    })();
    await fire('CertfleetVolumeExpired', 'CertfleetMountFailing');
    enough.abort();
    await mounting;
    await fleet.cluster.certManager.start();
    await fleet.publish('node-1', 'new-pod', long);
    await calm();
  });

  it('reports an agent that hangs or is gone, and volumes that it cannot read after its return', async () => {
    const node = fleet.fileSystemOf('node-2');
    // Overdue two seconds after it is due, long before its node counts as silent.
    const { volumeId } = await fleet.publish('node-2', 'hanging', { duration: '20s', 'renew-before': '19s' });
    await fleet.isReported(volumeId);
    fleet.hangAgent('node-2');
    await fire('CertfleetRenewalOverdue');
    await fleet.killAgent('node-2');
    await fire('CertfleetAgentDown', 'CertfleetAgentSilent', 'CertfleetSilentNodeExpired');
    writeFileSync(join(node.storePath, volumeId, 'volume.json'), '{');
    await fleet.startAgent('node-2');
    await fire('CertfleetAgentDamagedVolumes');
  });

  it('reports an index that cannot be updated, and late reports', async () => {
    await redis.call('ACL', 'SETUSER', 'default', '-xread', '-xrevrange');
    await fire('CertfleetIndexStale', 'CertfleetRedisProblem');
    await redis.call('ACL', 'SETUSER', 'default', '+xread', '+xrevrange');
    // Nothing is dispatched while a short certificate becomes due.
    await renewalIsNear('node-1', 4_000);
    await redis.call('CLIENT', 'PAUSE', String(timeoutMs), 'WRITE');
    await fire('CertfleetFallbackDeadlineUsed');
    await redis.call('CLIENT', 'UNPAUSE');
    // The agent renews and reports to a controller without CPU time to read it.
    await renewalIsNear('node-1', 4_000);
    const startedMs = Date.now();
    fleet.suspendController();
    await waitUntil(
      'a report to be some seconds old',
      () => Promise.resolve(oldestIssueAfter('node-1', startedMs) > 3_000),
      {
        timeoutMs,
        intervalMs: 100,
      },
    );
    fleet.resumeController();
    await fire('CertfleetReportLag');
  });

  it('reports a Redis that is unavailable, and one that restarts empty', async () => {
    await fleet.redis.kill();
    await fire('CertfleetRedisDown');
    await fleet.redis.start();
    await redis.flushall();
    await fire('CertfleetRedisStateLoss');
  });

  it('reports a controller that cannot authenticate its callers, and one that is gone', async () => {
    await fleet.killController();
    await fleet.startControllerWithoutApiServer();
    const enough = new AbortController();
    const calls: Promise<void>[] = [];
    const calling = (async () => {
      // Each with a different token: results are cached. Not one after the other: each is answered after several tries.
      for (let call = 0; !enough.signal.aborted; call++) {
        calls.push(fleet.callAsOperator(`token-${call}`).catch(() => undefined));
        await delay(1_000);
      }
    })();
    await fire('CertfleetReviewsFailing', 'CertfleetPoliciesUnknown').finally(() => enough.abort());
    await calling;
    await fleet.killController();
    await Promise.all(calls);
    await fire('CertfleetControllerDown', 'CertfleetAgentDisconnected');
  });

  it('has fired every alert of the chart, each with complete annotations', async () => {
    const names = new Set((await quickRules()).map(({ alert }) => alert));
    assert.deepEqual([...names].filter((name) => !seen.has(name)).sort(), [...needRunningPods].sort());
    for (const [name, { annotations }] of seen) {
      const text = Object.values(annotations).join('\n');
      assert.doesNotMatch(text, /<error|<no value>|NaN|\{\{|\+Inf/, name);
      assert.match(annotations['runbook_url'] ?? '', /#certfleet/);
    }
  });
});
