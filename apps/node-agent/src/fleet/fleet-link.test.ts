import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Clock } from '@certfleet/shared/clock.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { FleetLink } from './fleet-link.ts';
import { MemoryVolumes } from './testing/memory-volumes.ts';
import { ScriptedController } from './testing/scripted-controller.ts';

/**
 * A clock whose timers fire a hundred times sooner, for back-off and heartbeats over real sockets. Timers of at least
 * the limit keep their time, so that a busy machine does not cause timeouts.
 */
function impatientClock(limitMs: number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule: (delayMs, callback) => systemClock.schedule(delayMs < limitMs ? delayMs / 100 : delayMs, callback),
  };
}
/** The timeout of the controller's welcome. */
const welcomeMs = 15_000;

interface Fixture {
  readonly controller: ScriptedController;
  readonly link: FleetLink;
  readonly connected: boolean[];
  readonly lines: string[];
  /** Resolves once this many log lines contain the text. */
  readonly logged: (text: string, count: number) => Promise<void>;
}

async function startLink(t: TestContext, volumes: MemoryVolumes, clock: Clock = systemClock): Promise<Fixture> {
  const controller = new ScriptedController();
  const connected: boolean[] = [];
  const lines: string[] = [];
  let onLine = (): void => undefined;
  const logged = (text: string, count: number): Promise<void> =>
    new Promise((resolve) => {
      onLine = () => {
        if (lines.filter((line) => line.includes(text)).length >= count) resolve();
      };
      onLine();
    });
  const link = new FleetLink({
    controller: controller.access,
    volumes,
    version: '1.2.3',
    concurrentJobs: 1,
    clock,
    log: createLogger(2, {
      write: (line: string) => {
        lines.push(line);
        onLine();
      },
    }),
    onConnected: (isConnected) => connected.push(isConnected),
  });
  t.after(async () => {
    await link.stop();
    await controller[Symbol.asyncDispose]();
  });
  await controller.start();
  link.start();
  return { controller, link, connected, lines, logged };
}

describe('FleetLink', () => {
  test('authenticates with its token and sends no volumes before the welcome', async (t) => {
    const { controller, connected } = await startLink(t, new MemoryVolumes(['a', 'b']));
    const stream = await controller.accept();
    assert.equal(stream.authorization, 'Bearer first-token');
    assert.equal((await stream.next()).hello?.agentVersion, '1.2.3');
    const first = stream.snapshot();
    assert.deepEqual(connected, []);
    stream.welcome();
    assert.deepEqual(await first, ['a', 'b']);
    assert.deepEqual(connected, [true]);
  });

  test('sends a large snapshot in parts, and afterwards only changes', async (t) => {
    const ids = Array.from({ length: 3_000 }, (_, index) => `volume-${index}-${'x'.repeat(100)}`);
    const volumes = new MemoryVolumes(ids);
    const { controller } = await startLink(t, volumes);
    const stream = await controller.accept();
    await stream.next();
    stream.welcome();
    const parts: number[] = [];
    for (let isLast = false; !isLast;) {
      const { snapshot } = await stream.next();
      assert.ok(snapshot !== undefined);
      parts.push(snapshot.volumes.length);
      isLast = snapshot.last;
    }
    assert.equal(
      parts.reduce((sum, length) => sum + length, 0),
      3_000,
    );
    assert.ok(parts.length > 3 && Math.max(...parts) < 2_000, `parts of ${parts.join(', ')}`);

    for (let generation = 2; generation < 50; generation += 1) volumes.set('new', { generation });
    volumes.delete(ids[7] ?? '');
    const { delta } = await stream.next();
    assert.deepEqual(
      delta?.upserted.map(({ volumeId, generation }) => [volumeId, generation]),
      [['new', 49]],
    );
    assert.deepEqual(delta.removedVolumeIds, [ids[7]]);
  });

  test('sends a new snapshot on request, with the changes so far', async (t) => {
    const volumes = new MemoryVolumes(['a']);
    const { controller } = await startLink(t, volumes);
    const stream = await controller.accept();
    await stream.next();
    stream.welcome();
    await stream.snapshot();
    stream.send({ resync: {} });
    assert.deepEqual(await stream.snapshot(), ['a']);
  });

  test('reports how long a deferred volume waits, again after the next snapshot', async (t) => {
    const volumes = new MemoryVolumes(['a', 'b']);
    const { controller } = await startLink(t, volumes);
    const stream = await controller.accept();
    await stream.next();
    stream.welcome();
    await stream.snapshot();
    volumes.deferred.set('a', 239_999.5);
    volumes.set('a');
    const expected = [{ volumeId: 'a', generation: 1, waitMs: 240_000 }];
    assert.deepEqual((await stream.next()).delta?.deferrals, expected);
    // The controller may not have applied it.
    stream.send({ resync: {} });
    await stream.snapshot();
    assert.deepEqual((await stream.next()).delta?.deferrals, expected);
    volumes.deferred.clear();
    volumes.set('a', { generation: 2 });
    assert.deepEqual((await stream.next()).delta?.deferrals, []);
  });

  test('reconnects after every end of the stream, with the current token and a snapshot', async (t) => {
    const volumes = new MemoryVolumes(['a']);
    const { controller, connected, lines } = await startLink(t, volumes, impatientClock(welcomeMs));
    const first = await controller.accept();
    await first.next();
    first.welcome();
    await first.snapshot();
    volumes.set('b');
    writeFileSync(controller.access.tokenFile, 'second-token');
    first.fail({ code: status.UNAVAILABLE, details: 'going away' });

    const second = await controller.accept();
    assert.equal(second.authorization, 'Bearer second-token');
    second.fail({ code: status.UNAUTHENTICATED, details: 'unknown token' });
    const third = await controller.accept();
    await third.next();
    third.welcome();
    assert.deepEqual(await third.snapshot(), ['a', 'b']);
    assert.deepEqual(connected.slice(-1), [true]);
    assert.ok(lines.every((line) => !line.includes('second-token')));
  });

  test('waits for a controller that is not available, and logs it once', async (t) => {
    const { controller, lines, logged } = await startLink(t, new MemoryVolumes(['a']), impatientClock(welcomeMs));
    const first = await controller.accept();
    await first.next();
    first.welcome();
    await first.snapshot();
    controller.kill();
    await logged('not connected to the controller', 4);
    await controller.start();
    const second = await controller.accept();
    await second.next();
    second.welcome();
    assert.deepEqual(await second.snapshot(), ['a']);
    assert.equal(lines.filter((line) => line.includes('"level":"warn"')).length, 1);
  });

  test('keeps its stream alive with heartbeats', async (t) => {
    const { controller } = await startLink(t, new MemoryVolumes(), impatientClock(welcomeMs));
    const stream = await controller.accept();
    await stream.next();
    stream.welcome(5);
    await stream.snapshot();
    assert.ok((await stream.next()).heartbeat !== undefined);
    assert.ok((await stream.next()).heartbeat !== undefined);
  });

  test('reconnects when the controller stops to send heartbeats, although the connection is open', async (t) => {
    const clock = new ManualClock(0);
    const { controller, lines } = await startLink(t, new MemoryVolumes(['a']), clock);
    const first = await controller.accept();
    await first.next();
    first.welcome(10, true);
    await first.snapshot();
    for (let beat = 0; beat < 5; beat += 1) {
      first.send({ heartbeat: {} });
      // The answer to a request shows that the agent has read the heartbeat.
      first.send({ describe: { requestId: `${beat}`, volumeId: 'a' } });
      while ((await first.next()).description === undefined);
      await clock.advance(20_000);
    }
    await clock.advance(11_000);
    while (!lines.some((line) => line.includes('no message of the controller within 30000 ms')))
      await clock.advance(500);
    await clock.advance(500);
    const second = await controller.accept();
    await second.next();
    second.welcome();
    assert.deepEqual(await second.snapshot(), ['a']);
  });

  test('keeps a stream on which an older controller sends no heartbeats', async (t) => {
    const clock = new ManualClock(0);
    const { controller } = await startLink(t, new MemoryVolumes(['a']), clock);
    const stream = await controller.accept();
    await stream.next();
    stream.welcome(10);
    await stream.snapshot();
    await clock.advance(600_000);
    stream.send({ describe: { requestId: 'late', volumeId: 'a' } });
    let message = await stream.next();
    while (message.description === undefined) message = await stream.next();
    assert.equal(message.description.requestId, 'late');
  });

  test('sends heartbeats even while its volumes change continuously', async (t) => {
    class ChurningVolumes extends MemoryVolumes {
      override report(volumeId: string): ReturnType<MemoryVolumes['report']> {
        this.set(volumeId);
        return super.report(volumeId);
      }
    }
    const volumes = new ChurningVolumes(['a']);
    const { controller } = await startLink(t, volumes, impatientClock(welcomeMs));
    const stream = await controller.accept();
    await stream.next();
    stream.welcome(5);
    await stream.snapshot();
    let message = await stream.next();
    assert.ok(message.delta !== undefined);
    while (message.heartbeat === undefined) message = await stream.next();
  });

  test('disconnects from a controller that does not respond', async (t) => {
    const { controller } = await startLink(t, new MemoryVolumes(), impatientClock(Infinity));
    await controller.accept();
    await controller.accept();
  });

  test('stops while connected and while waiting, and leaves nothing running', async (t) => {
    const { controller, link } = await startLink(t, new MemoryVolumes(['a']));
    const stream = await controller.accept();
    await stream.next();
    stream.welcome();
    await stream.snapshot();
    await link.stop();
    await assert.rejects(stream.next());
  });
});
