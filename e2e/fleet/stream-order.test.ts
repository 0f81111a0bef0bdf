// Streams that their agents have closed, against the controller's fleet API: none displaces a newer one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { connectToController } from '../../apps/node-agent/src/fleet/controller-client.ts';
import { MemoryVolumes } from '../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { AgentMessage } from '../../libs/shared/gen/fleet/v1/fleet.ts';
import type { ControllerMessage } from '../../libs/shared/gen/fleet/v1/fleet.ts';
import { writeAgentToken } from './support/agent-links.ts';
import { eventually } from './support/eventually.ts';
import { FleetFixture } from './support/fleet-fixture.ts';

interface Stranded {
  /** Resolves with the next message of the controller. */
  heard(): Promise<ControllerMessage>;
  send(message: Parameters<typeof AgentMessage.fromPartial>[0]): void;
  /** Resolves with the reason for the end of the stream. */
  readonly ended: Promise<string>;
  cancel(): void;
}

/** A stream of node-a's agent that only says hello, like that of a node that died without a FIN. */
async function strand(fleet: FleetFixture, port: number): Promise<Stranded> {
  const tokenFile = writeAgentToken(fleet.directory, 'node-a');
  const access = { address: `dns:localhost:${port}`, caFile: fleet.files.certificateFile, tokenFile };
  const connection = await connectToController(access);
  const { stream } = connection;
  const ended = new Promise<string>((resolve) => stream.on('error', ({ message }: Error) => resolve(message)));
  stream.on('data', () => undefined);
  const send: Stranded['send'] = (message) => void stream.write(AgentMessage.fromPartial(message));
  send({ hello: { agentVersion: 'stranded' } });
  const cancel = (): void => {
    stream.cancel();
    connection.close();
  };
  return { heard: async () => (await once(stream, 'data'))[0] as ControllerMessage, send, ended, cancel };
}

/** Token reviews: the first ends when the test decides, later ones end at once. */
function slowFirstReview(): { identify: () => Promise<string>; asked: Promise<void>; answer: () => void } {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<string>();
  let calls = 0;
  const identify = (): Promise<string> => {
    calls += 1;
    if (calls > 1) return Promise.resolve('node-a');
    asked.resolve();
    return answered.promise;
  };
  return { identify, asked: asked.promise, answer: () => answered.resolve('node-a') };
}

/** The connected agent can still report, and was not replaced. */
async function assertUndisturbed(fleet: FleetFixture, volumes: MemoryVolumes): Promise<void> {
  volumes.set('csi-1', { generation: 7 });
  await fleet.untilIndexed('node-a', { 'csi-1': 7 });
  await fleet.addJob('node-a', 'csi-1', 7);
  await fleet.untilIndexed('node-a', { 'csi-1': 8 });
  assert.deepEqual(
    fleet.log.filter((line) => /took over|superseded/.test(line)),
    [],
  );
}

describe('the order of streams', () => {
  test('a review that ends after a newer stream was accepted does not revive a dead stream', async (t) => {
    await using fleet = await FleetFixture.start();
    const { identify, asked, answer } = slowFirstReview();
    const { port } = await fleet.startReplica(0, identify);
    const stranded = await strand(fleet, port);
    t.after(() => stranded.cancel());
    await asked;
    const volumes = new MemoryVolumes(['csi-1']);
    fleet.link(port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1 });
    const welcome = stranded.heard();
    answer();
    assert.equal((await welcome).welcome?.nodeName, 'node-a');
    await assertUndisturbed(fleet, volumes);
  });

  test('a stream that was cancelled during its token review is not served', async () => {
    await using fleet = await FleetFixture.start();
    const { identify, asked, answer } = slowFirstReview();
    const { port, server } = await fleet.startReplica(0, identify);
    const stranded = await strand(fleet, port);
    await asked;
    stranded.cancel();
    const volumes = new MemoryVolumes(['csi-1']);
    fleet.link(port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1 });
    answer();
    await eventually('the cancelled stream to be let go', () =>
      fleet.log.some((line) => line.includes('closed the stream')),
    );
    assert.equal(server.connected, 1);
    await assertUndisturbed(fleet, volumes);
  });

  test('a message older than a newer stream displaces nothing on another replica', async (t) => {
    await using fleet = await FleetFixture.start();
    const first = await fleet.startReplica();
    const second = await fleet.startReplica();
    const stranded = await strand(fleet, first.port);
    t.after(() => stranded.cancel());
    await stranded.heard();
    const volumes = new MemoryVolumes(['csi-1']);
    fleet.link(second.port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1 });
    // Sent before, and delayed in a paused replica.
    stranded.send({ heartbeat: {} });
    // The controller asks its agent, which has closed it and does not answer.
    assert.match(await stranded.ended, /newer stream of this node|no message within/);
    fleet.log.length = 0;
    await assertUndisturbed(fleet, volumes);
  });

  test('dead streams rotate no password and are limited', async (t) => {
    await using fleet = await FleetFixture.start();
    const { port } = await fleet.startReplica();
    const volumes = new MemoryVolumes(['csi-1']);
    fleet.link(port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1 });
    const stranded: Stranded[] = [];
    t.after(() => stranded.forEach((each) => each.cancel()));
    for (let i = 0; i < 5; i += 1) {
      stranded.push(await strand(fleet, port));
      await stranded.at(-1)?.heard();
    }
    for (const each of stranded.slice(0, 2)) assert.match(await each.ended, /too many streams of this node/);
    await assertUndisturbed(fleet, volumes);
  });
});
