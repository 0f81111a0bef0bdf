import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetIndex } from '../../../apps/renewal-controller/src/fleet-index/fleet-index.ts';
import { RedisConnections } from '../../../apps/renewal-controller/src/redis/redis-connections.ts';
import { redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import { VolumeReport } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { startControllerProcess } from '../../fleet/simulation/controller-process.ts';
import { startRedisServer } from '../../support/redis-server.ts';
import type { Figure } from '../figure.ts';
import type { FleetScenario } from '../scenario.ts';

const nodes = 500;
const volumesPerNode = 200;
const rounds = 200;
const hourMs = 3_600_000;

/** A volume of a fleet of 300 namespaces and 2,000 issuers; one of a hundred is failing. */
function reportOf(node: number, place: number, nowMs: number): VolumeReport {
  const index = node * volumesPerNode + place;
  const renewAtMs = nowMs + hourMs + index * 800;
  return VolumeReport.fromPartial({
    volumeId: `csi-${index.toString(16).padStart(64, '0')}`,
    pod: { namespace: `team-${index % 300}`, name: `web-${(index * 7919) % 100_003}-x${index}`, uid: `uid-${index}` },
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: `issuer-${index % 2_000}` },
    generation: 1 + (index % 9),
    state: 2,
    keyType: 2,
    cause: 2,
    certificate: {
      serialNumber: index.toString(16).padStart(32, 'a'),
      fingerprintSha256: 'fe'.repeat(32),
      notBefore: new Date(nowMs - hourMs),
      notAfter: new Date(renewAtMs + 8 * hourMs),
      renewAt: new Date(renewAtMs),
      issuedAt: new Date(nowMs - hourMs),
      caFingerprintsSha256: ['ab'.repeat(32)],
      subject: `CN=web-${index}`,
      dnsNames: [`web-${index}.team-${index % 300}.svc.cluster.local`],
    },
    ...(index % 100 === 0 && {
      lastFailure: { at: new Date(nowMs), reason: 'IssuerFailed', message: 'rate limit exceeded', attempts: 2 },
    }),
  });
}

/** Writes the index like agents' snapshots would, without connections. */
async function seed(url: string): Promise<void> {
  const logger = createLogger(0, { write: () => undefined });
  const connections = new RedisConnections({ config: { url }, clock: systemClock, logger });
  const nothing = (): Promise<void> => Promise.resolve();
  const sink = { changed: nothing, confirmed: nothing, deferred: nothing, forgotten: nothing };
  const redis = connections.commands;
  const index = new FleetIndex({ redis, keys: redisKeys('certfleet'), sink, clock: systemClock, logger });
  try {
    await redis.connect();
    const nowMs = Date.now();
    for (let node = 0; node < nodes; node += 1) {
      const session = await index.openSession(`node-${node}`, { agentVersion: '1.0.0', connectedTo: 'replica' });
      const reports = Array.from({ length: volumesPerNode }, (_, place) => reportOf(node, place, nowMs));
      await index.applySnapshot(session, [reports]);
    }
  } finally {
    connections.stop();
  }
}

/** The queries; the number makes each one different, so that none comes from a cache. */
const questions: Readonly<Record<string, { readonly path: (i: number) => string; readonly goalMs: number }>> = {
  summary: { path: () => 'summary', goalMs: 100 },
  'first-page': { path: (i) => `volumes?limit=100&renewsBefore=${farTime(i)}`, goalMs: 100 },
  'filtered-and-sorted': {
    path: (i) => `volumes?state=healthy,failing&namespace=team-7&sort=pod&order=desc&expiresBefore=${farTime(i)}`,
    goalMs: 150,
  },
  'sorted-by-pod': { path: (i) => `volumes?limit=100&sort=pod&expiresBefore=${farTime(i)}`, goalMs: 150 },
  search: { path: (i) => `volumes?limit=100&sort=renews&search=web-${i}`, goalMs: 150 },
};

const farTime = (i: number): string => new Date(Date.now() + 1_000 * hourMs + i).toISOString();

/** The operators' API with 100,000 volumes: the server's time per page, without caches. */
export const operatorApiScenario: FleetScenario = {
  name: 'operator-api',
  async run(log) {
    const redis = await startRedisServer();
    const directory = mkdtempSync(join(tmpdir(), 'certfleet-operator-api-'));
    writeFileSync(join(directory, 'tokens'), '');
    await seed(redis.url);
    const controller = await startControllerProcess('bundle', [
      `--redis-url=${redis.url}`,
      `--fleet-bind-address=unix://${join(directory, 'fleet.sock')}`,
      `--agent-token-file=${join(directory, 'tokens')}`,
      `--intent-directory=${join(directory, 'intent')}`,
      ...['--api-auth=none', '--api-bind-address=127.0.0.1:0', '--ops-bind-address=127.0.0.1:0', '--api-rate-limit=0'],
    ]);
    try {
      while ((await controller.ops('readyz')).status !== 200) await sleep(100);
      const figures: Figure[] = [];
      for (const [name, { path, goalMs }] of Object.entries(questions)) {
        const eachMs = (await timesOf((i) => `http://127.0.0.1:${controller.apiPort ?? 0}/api/v1/${path(i)}`)).toSorted(
          (a, b) => a - b,
        );
        const at = (part: number): number =>
          eachMs[Math.min(eachMs.length - 1, Math.floor(part * eachMs.length))] ?? NaN;
        log(`operator-api: ${name} p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms`);
        figures.push({ name: `${name}-p50`, unit: 'ms', agent: [at(0.5)] });
        figures.push({
          ...{ name: `${name}-p99`, unit: 'ms', agent: [at(0.99)] },
          goal: { of: 'agent', is: '≤', value: goalMs },
        });
      }
      return figures;
    } finally {
      await controller.stop();
      await redis.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function timesOf(urlOf: (i: number) => string): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const startedMs = performance.now();
    const response = await fetch(urlOf(i));
    await response.arrayBuffer();
    times.push(performance.now() - startedMs);
    if (response.status !== 200) throw new Error(`expected status 200, found ${response.status}`);
    // Sequential requests with pauses, as the page sends them.
    await sleep(20);
  }
  return times;
}
