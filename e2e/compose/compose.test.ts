// docker-compose.test.yml unchanged in its own dockerd: a fleet of two nodes without Kubernetes.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { CsiClient, inlineVolume } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../cluster/wait.ts';
import { ComposeFleet } from './compose-fleet.ts';
import { loadComposeImages } from './compose-images.ts';
import { startEngine } from '../docker/engine-of-test.ts';

const byJob = 'certfleet_controller_renewals_total{result="ok",path="controller"}';
const byDeadline = 'certfleet_controller_renewals_total{result="ok",path="deadline"}';
const services = ['redis', 'controller', 'agent-a', 'agent-b'];
const long = { agent: 'agent-a', volume: volumeOf('web', '1h') };
const short = { agent: 'agent-b', volume: volumeOf('broker', '20s') };

function volumeOf(podName: string, duration: string): InlineVolume {
  return inlineVolume({
    podName,
    namespace: 'shop',
    targetPath: `/pods/${podName}`,
    attributes: {
      'csi.cert-manager.io/issuer-name': 'local-ca',
      'csi.cert-manager.io/dns-names': `${podName}.shop.svc`,
      'csi.cert-manager.io/key-algorithm': 'ECDSA',
      'csi.cert-manager.io/duration': duration,
    },
  });
}

describe('docker-compose.test.yml', () => {
  test('a fleet of two nodes starts with docker compose, renews by jobs, and survives the loss of Redis', async (t) => {
    const docker = await startEngine(t);
    if (docker === undefined) return;
    const { engine } = docker;
    const fleet = new ComposeFleet(engine);
    await loadComposeImages(engine, console.log);
    const csi = new Map(services.slice(2).map((agent) => [agent, new CsiClient(fleet.csiSocket(agent))]));
    t.after(() => [...csi.values()].forEach((client) => client.close()));

    const certificateIn = async ({ agent, volume }: typeof long): Promise<X509Certificate> =>
      new X509Certificate(await fleet.read(agent, `${volume.targetPath}/tls.crt`));
    const isShown = async (published: typeof long): Promise<boolean> => {
      const certificate = await certificateIn(published);
      const listed = (await fleet.list()).find(({ volumeId }) => volumeId === published.volume.volumeId);
      const shown = listed?.notAfter;
      return shown !== undefined && Date.parse(shown) === certificate.validToDate.getTime();
    };
    const patiently = { timeoutMs: 40_000, intervalMs: 300 };

    await t.test('all become healthy and listen only on the loopback', async () => {
      await fleet.compose('up', '--detach', '--no-build');
      await fleet.healthy(...services);
      const published = await fleet.docker('ps', '--format', '{{.Ports}}');
      assert.deepEqual(published.match(/[^ ,]+(?=->)/g), ['127.0.0.1:9402']);
    });

    await t.test("the controller lists each agent's volumes with their expiry", async () => {
      for (const { agent, volume } of [long, short]) await csi.get(agent)?.publish(volume);
      for (const published of [long, short]) {
        await waitUntil(`${published.agent}'s volume to be listed`, () => isShown(published), patiently);
      }
      const listed = await fleet.list();
      assert.deepEqual(listed.map(({ node, pod, state }) => `${node} ${pod} ${state}`).sort(), [
        'agent-a web healthy',
        'agent-b broker healthy',
      ]);
    });

    await t.test('a volume of 20 seconds is renewed by a job', async () => {
      const first = await certificateIn(short);
      await waitUntil('a renewal by the controller', async () => (await fleet.metric(byJob)) > 0, patiently);
      assert.notEqual((await certificateIn(short)).serialNumber, first.serialNumber);
      assert.equal(await fleet.metric(byDeadline), 0);
    });

    await t.test(
      'without Redis the agent renews at its fallback deadline, and nothing is lost when it is back',
      async () => {
        const untouched = await certificateIn(long);
        await fleet.kill('redis');
        await waitUntil('the controller to report it', () => fleet.isDegraded(), patiently);
        const last = await certificateIn(short);
        const isRenewed = async (): Promise<boolean> => (await certificateIn(short)).serialNumber !== last.serialNumber;
        await waitUntil('a renewal without the controller', isRenewed, patiently);
        const jobs = await fleet.metric(byJob);
        await fleet.start('redis');
        await waitUntil('the controller to have Redis again', async () => !(await fleet.isDegraded()), patiently);
        for (const published of [long, short]) {
          await waitUntil(`${published.agent}'s volume to be listed again`, () => isShown(published), patiently);
        }
        assert.equal((await certificateIn(long)).serialNumber, untouched.serialNumber);
        await waitUntil(
          'the next renewal by the controller',
          async () => (await fleet.metric(byJob)) > jobs,
          patiently,
        );
        await fleet.healthy(...services);
      },
    );

    await t.test(
      'each service stops on request, the agents also without their controller, and down leaves nothing',
      async () => {
        for (const { agent, volume } of [long, short]) await csi.get(agent)?.unpublish(volume);
        // Above the services' own limit, after which they give up with an exit code.
        const patience = 25;
        await fleet.stop('controller', patience);
        await fleet.compose('stop', `--timeout=${patience}`);
        assert.deepEqual(
          await fleet.exitCodes(...services),
          services.map(() => 0),
        );
        await fleet.compose('down', '--volumes');
        assert.deepEqual(await fleet.remains(), []);
      },
    );

    await t.test('the machine is unchanged', () => docker.expectNoTrace());
  });
});
