// Redis' machine vanishes without a FIN: every packet of the existing connections is dropped, while new ones pass. Controller
// and agent must reconnect within half a minute. A program for a network namespace of its own, with `iptables`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { VolumeReport } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import { ControllerFixture } from './controller-fixture.ts';
import { eventually } from './eventually.ts';

execFileSync('ip', ['link', 'set', 'lo', 'up']);
await using fixture = await ControllerFixture.start();
await fixture.startController();
const now = Date.now();
const times = { notBefore: new Date(now), issuedAt: new Date(now), renewAt: new Date(now + 6e7) };
const { certificate, issuer } = VolumeReport.fromPartial({
  issuer: { group: 'g', kind: 'ClusterIssuer', name: 'ca' },
  certificate: { serialNumber: '1', fingerprintSha256: 'ff', notAfter: new Date(now + 9e7), ...times },
});
const volumes = new MemoryVolumes();
volumes.set('csi-1', { certificate, issuer });
fixture.startAgent(volumes);
const shown = async (): Promise<number | undefined> =>
  (await fixture.api<{ volumes: { generation: number }[] }>('volumes')).volumes[0]?.generation;
const status = async (): Promise<string> => (await fixture.ops('readyz')).text;
await eventually('the volume', async () => (await shown()) === 1);
await eventually('readiness', async () => (await status()).includes('ok'));

const admin = new Redis(fixture.redis.url);
const connections = String(await admin.client('LIST'));
await eventually('the agent at its queue', async () =>
  String(await admin.client('LIST')).includes('user=certfleet-node-'),
);
admin.disconnect();
const ports = [...connections.matchAll(/ addr=127\.0\.0\.1:(\d+)/g)].map(([, port = '']) => port);
assert.ok(ports.length >= 6, connections);
for (const port of ports)
  for (const [mine, its] of [
    ['--sport', '--dport'],
    ['--dport', '--sport'],
  ] as const)
    execFileSync('iptables', ['-A', 'INPUT', '-p', 'tcp', mine, port, its, `${fixture.redis.port}`, '-j', 'DROP']);

// A stale view is not shown as current.
await eventually('the degradation', async () => (await status()).includes('degraded'), 15_000);
volumes.set('csi-1', { certificate, issuer, generation: 2 });
await eventually('the controller', async () => (await shown()) === 2, 30_000);
await eventually('readiness', async () => (await status()).includes('ok'), 15_000);
await fixture.api('renewals', { method: 'POST', body: { selection: { node: 'node-a' }, reason: 'x' } });
await eventually('a renewal by the agent', () => volumes.renewals.length === 1, 40_000);
