// A complete controller on a real Redis with the agent's link: due volumes are renewed through the queue, operators
// read and act over HTTP.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runCli } from '../../apps/renewal-controller/src/cli/run-cli.ts';
import { systemClock } from '../../libs/shared/src/clock.ts';
import { ControllerFixture } from './support/controller-fixture.ts';
import { eventually } from './support/eventually.ts';
import { RenewingVolumes } from './support/renewing-volumes.ts';
import { caFingerprint, reportOf } from './support/volume-report.ts';

interface Shown {
  readonly total: number;
  readonly volumes: readonly { readonly volumeId: string; readonly generation: number }[];
  readonly next?: string;
}

// Each has its own Redis.
describe('the controller', { concurrency: true }, () => {
  test('a due volume is renewed through the queue, others are not', async () => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController();
    const volumes = new RenewingVolumes();
    volumes.set('csi-due', reportOf('csi-due', { dueInMs: 500 }));
    volumes.set('csi-later', reportOf('csi-later'));
    fixture.startAgent(volumes);
    await eventually('the due volume to be renewed', () => volumes.report('csi-due')?.generation === 2);
    await eventually('the api to show it', async () => {
      const { volumes: shown = [] } = await fixture.api<Partial<Shown>>('volumes?volumeId=csi-due');
      return shown[0]?.generation === 2;
    });
    assert.deepEqual(volumes.renewals, [{ volumeId: 'csi-due', generation: 1 }]);
  });

  test('a renewal that its agent refuses temporarily holds no slot, and an operator’s request succeeds', async () => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController();
    const volumes = new RenewingVolumes();
    volumes.waits.set('csi-resting', 3_600_000);
    let refusals = 0;
    const renew = volumes.renew.bind(volumes);
    volumes.renew = async (...job) => {
      const outcome = await renew(...job);
      if (outcome === 'backing-off') refusals += 1;
      return outcome;
    };
    volumes.set('csi-resting', reportOf('csi-resting', { dueInMs: -1_000 }));
    fixture.startAgent(volumes);
    await eventually('the agent to refuse', () => refusals === 1);
    // Well before the answer timeout of one minute.
    await eventually('the slot to be free', async () => {
      const { lanes } = await fixture.api<{ lanes: readonly { inFlight: number; queued: number }[] }>('lanes');
      return lanes.length === 1 && lanes.every(({ inFlight, queued }) => inFlight + queued === 0);
    });
    assert.deepEqual([refusals, volumes.renewals.length], [1, 0]);
    const body = { selection: { volumeId: 'csi-resting' }, reason: 'the key leaked' };
    await fixture.api('renewals', { method: 'POST', body });
    await eventually('the request to be carried out', () => volumes.report('csi-resting')?.generation === 2);
    assert.equal(refusals, 1);
  });

  test('operators page through the fleet, renew it after a dry run, and pause a lane', async () => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController();
    const volumes = new RenewingVolumes();
    for (const id of ['csi-1', 'csi-2', 'csi-3']) volumes.set(id, reportOf(id));
    fixture.startAgent(volumes);
    await eventually('all to be shown', async () => (await fixture.api<Shown>('volumes')).total === 3);

    const first = await fixture.api<Shown>('volumes?limit=2');
    const second = await fixture.api<Shown>(`volumes?limit=2&after=${encodeURIComponent(first.next ?? '')}`);
    assert.deepEqual(
      [...first.volumes, ...second.volumes].map(({ volumeId }) => volumeId),
      ['csi-1', 'csi-2', 'csi-3'],
    );
    assert.equal(second.next, undefined);

    const body = { selection: { caFingerprint }, reason: 'the CA is rolled' };
    const dry = await fixture.api<{ count: number }>('renewals', { method: 'POST', body: { ...body, dryRun: true } });
    assert.equal(dry.count, 3);
    assert.equal(volumes.renewals.length, 0);
    const { id, status } = await fixture.api<{ id: string; status: number }>('renewals', { method: 'POST', body });
    assert.equal(status, 202);
    await eventually('all to be renewed', () => volumes.renewals.length === 3);
    await eventually('the progress to say so', async () => {
      const progress = await fixture.api<{ renewed: number; state: string }>(`renewals/${id}`);
      return progress.renewed === 3 && progress.state === 'finished';
    });

    const { lanes } = await fixture.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
    assert.equal(lanes[0]?.key, 'ClusterIssuer.cert-manager.io//corporate');
    const pause = { method: 'POST', body: { reason: 'maintenance' } };
    const paused = await fixture.api<{ paused?: { reason: string } }>(`lanes/${lanes[0].id}/pause`, pause);
    assert.equal(paused.paused?.reason, 'maintenance');
    const resumed = await fixture.api<{ paused?: unknown }>(`lanes/${lanes[0].id}/resume`, { method: 'POST' });
    assert.equal(resumed.paused, undefined);
  });

  test('the command line lists, counts, renews and pauses, as tables and as JSON', async () => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController();
    const volumes = new RenewingVolumes();
    for (const id of ['csi-1', 'csi-2']) volumes.set(id, reportOf(id));
    fixture.startAgent(volumes);
    await eventually('all to be shown', async () => (await fixture.api<Shown>('volumes')).total === 2);
    const certfleet = async (...argv: string[]): Promise<{ code: number; out: string; errors: string }> => {
      let [out, errors] = ['', ''];
      const code = await runCli({
        argv: [...argv, `--server=http://127.0.0.1:${fixture.ports.api ?? 0}`],
        env: {},
        clock: systemClock,
        print: (text) => void (out += text),
        printError: (text) => void (errors += text),
      });
      return { code, out, errors };
    };
    const listed = await certfleet('list', '-n', 'shop');
    assert.match(listed.out, /^NAMESPACE +POD +NODE/);
    assert.match(listed.out, /^shop +pod-of-csi-1 +node-a +ClusterIssuer\.cert-manager\.io\/\/corporate +healthy +1 /m);
    assert.match((await certfleet('show', 'csi-2')).out, /^serial +01$/m);
    assert.match((await certfleet('nodes')).out, /^node-a +online /m);
    assert.match((await certfleet('renew', '--all', '--dry-run')).out, /^2 volumes would be renewed/);
    assert.equal(volumes.renewals.length, 0);
    const renewed = await certfleet('renew', '--pod=pod-of-csi-1', '--reason=test', '--wait');
    assert.match(renewed.out, /^1 of 1 renewed, 0 failed attempts$/m);
    const key = 'ClusterIssuer.cert-manager.io//corporate';
    assert.match((await certfleet('pause', key, '--reason=maintenance')).out, /paused: maintenance/);
    assert.match((await certfleet('resume', key)).out, / open /);
    const status = JSON.parse((await certfleet('status', '-o', 'json')).out) as { summary: { volumes: number } };
    assert.equal(status.summary.volumes, 2);

    assert.equal((await certfleet('renew', '--all')).code, 64);
    assert.match((await certfleet('renew', '--reason=oops')).errors, /everything/);
    assert.equal((await certfleet('show', 'unknown')).code, 1);
    assert.equal((await certfleet('fly')).code, 64);
  });

  test('rejects unknown input, and requires an explicit choice of the whole fleet', async () => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController();
    const refused: readonly (readonly [string, unknown, number])[] = [
      ['renewals', { selection: {}, reason: 'oops' }, 400],
      ['renewals', { selection: { colour: 'red' }, reason: 'x' }, 400],
      ['renewals', { selection: { caFingerprint: 'AB:CD' }, reason: 'x' }, 400],
      ['renewals', { selection: { labelSelector: 'app=web' }, reason: 'x' }, 412],
      ['renewals', { selection: { pod: 'none' }, reason: 'x' }, 404],
      ['lanes/unknown/pause', { reason: 'x' }, 404],
      ['nothing', {}, 404],
    ];
    for (const [path, body, status] of refused) {
      const answer = await fixture.api<{ status: number; message?: string }>(path, { method: 'POST', body });
      assert.equal(answer.status, status, `${path} ${JSON.stringify(body)}: ${answer.message ?? ''}`);
    }
    assert.equal((await fixture.api<{ status: number }>('volumes?limit=0')).status, 400);
    assert.equal((await fixture.api<{ status: number }>('renewals/unknown')).status, 404);
  });

  test('is ready once the index is loaded, stays ready without Redis, and reports the outage', async () => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController();
    await eventually('readiness', async () => (await fixture.ops('readyz')).status === 200);
    await fixture.redis.kill();
    await eventually('the loss to be reported', async () => (await fixture.ops('readyz')).text.includes('Redis'));
    assert.deepEqual(await fixture.ops('readyz'), {
      status: 200,
      text: JSON.stringify({ status: 'degraded', reason: 'Redis is unreachable' }),
    });
    assert.equal((await fixture.ops('healthz')).status, 200);
    // The page with this report and the last known state is still served.
    assert.equal((await fixture.api<{ redis: { reachable: boolean } }>('summary')).redis.reachable, false);
    const answer = await fixture.api<{ status: number; message?: string }>('audit');
    assert.deepEqual([answer.status, answer.message?.includes('Redis is not reachable')], [503, true]);
    await fixture.redis.start();
    await eventually('recovery', async () => (await fixture.ops('readyz')).text === '{"status":"ok"}');
    const { text } = await fixture.ops('metrics');
    for (const name of ['volumes', 'renewals_total', 'agents_connected', 'redis_latency_seconds']) {
      assert.match(text, new RegExp(`# TYPE certfleet_controller_${name} `));
    }
  });
});
