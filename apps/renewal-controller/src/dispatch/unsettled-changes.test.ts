import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { Redis } from 'ioredis';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { jobId } from './renewal-job.ts';
import { enrol, reportOf, requestRenewal, startReplica, until } from './testing/test-fleet.ts';
import type { TestReplica } from './testing/test-fleet.ts';

let server: RedisServer;

const ca = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };
const info = { agentVersion: 'test', connectedTo: 'replica' };
const nowMs = Date.now();
const times = { notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000, renewAtMs: nowMs - 1_000 };
const laterTimes = { notBeforeMs: nowMs, notAfterMs: nowMs + 7_200_000, renewAtMs: nowMs + 3_600_000 };

/** Redis executes this many commands of the client; the response to the last is lost, and no later command arrives. */
class Cutoff {
  readonly #client: Redis;
  readonly #send: Redis['sendCommand'];
  #left: number;

  constructor(replica: TestReplica, commands: number) {
    this.#client = replica.connections.commands as Redis;
    this.#left = commands;
    this.#send = this.#client.sendCommand.bind(this.#client);
    this.#client.sendCommand = (...args) => this.#sendOrFail(...args);
  }

  get isReached(): boolean {
    return this.#left <= 0;
  }

  /** Restores the connection. */
  end(): void {
    this.#client.sendCommand = this.#send;
  }

  async #sendOrFail(...args: Parameters<Redis['sendCommand']>): Promise<unknown> {
    this.#left -= 1;
    if (this.#left < 0) throw new Error('Connection is closed.');
    const answer = await this.#send(...args);
    if (this.#left <= 0) throw new Error('Command timed out');
    return answer;
  }
}

interface Fleet {
  readonly keys: RedisKeys;
  /** Has handed over the renewal of v1 on node-a, which a person requested. */
  readonly healthy: TestReplica;
  readonly doomed: TestReplica;
  readonly bulk: string;
  stop(): Promise<void>;
}

async function fleetWithRenewal(): Promise<Fleet> {
  const prefix = `t-${randomUUID()}`;
  const keys = redisKeys(prefix);
  const policy = { ratePerSecond: 0, maxInFlight: 100 };
  const healthy = startReplica({ url: server.url, prefix, policy });
  const doomed = startReplica({ url: server.url, prefix, policy }, false);
  await until(() => [healthy, doomed].every(({ connections }) => connections.commands.status === 'ready'));
  await enrol(healthy, 'node-a', [reportOf({ id: 'v1', ...times, renewAtMs: nowMs + 1_800_000 })]);
  await until(() => healthy.follower.view.size === 1);
  const bulk = await requestRenewal(healthy, { volumeId: 'v1' }, { by: 'alice', reason: 'test' });
  await until(async () => (await healthy.dispatcher.nodeQueues.waiting('node-a')) === 1);
  await until(async () => (await healthy.dispatcher.due.counts()).active === 0);
  const { id } = await healthy.dispatcher.lanes.state(ca);
  // Two successes would raise the pace twice.
  await healthy.connections.commands.hset(keys.lane(id), 'paceDivisorLog2', 2);
  return {
    keys,
    healthy,
    doomed,
    bulk,
    async stop() {
      await Promise.all([healthy.stop(), doomed.stop()]);
    },
  };
}

interface Answer {
  readonly upserted: readonly VolumeReport[];
  readonly removed: readonly string[];
  readonly check: (fleet: Fleet) => Promise<void>;
}

const answers: Readonly<Record<string, Answer>> = {
  success: {
    upserted: [reportOf({ id: 'v1', generation: 2, ...laterTimes })],
    removed: [],
    async check({ healthy, bulk }) {
      const { dispatcher } = healthy;
      const lane = await dispatcher.lanes.state(ca);
      assert.deepEqual([lane.pace, lane.failureStreak], [2 ** -1.75, 0]);
      const { state, renewed, pending } = await dispatcher.bulks.progress(bulk);
      assert.deepEqual({ state, renewed, pending }, { state: 'finished', renewed: 1, pending: 0 });
      assert.equal((await dispatcher.history.of({ node: 'node-a', volumeId: 'v1' })).length, 2);
      assert.equal((await dispatcher.due.counts()).delayed, 1);
    },
  },
  failure: {
    upserted: [reportOf({ id: 'v1', ...times, renewAtMs: nowMs + 1_800_000, attempts: 1, failedAtMs: nowMs })],
    removed: [],
    async check({ healthy, keys, bulk }) {
      const { dispatcher, connections } = healthy;
      const lane = await dispatcher.lanes.state(ca);
      assert.deepEqual([lane.failureStreak, lane.lastError?.message], [1, 'issuer unavailable']);
      assert.equal(await connections.commands.hget(`${keys.lane(lane.id)}:node:node-a`, 'streak'), '1');
      assert.equal(await connections.commands.zcard(keys.cooldown), 1);
      const { state, failures, pending } = await dispatcher.bulks.progress(bulk);
      assert.deepEqual({ state, failures, pending }, { state: 'running', failures: 1, pending: 1 });
      const [last] = await dispatcher.history.of({ node: 'node-a', volumeId: 'v1' });
      assert.deepEqual([last?.error, last?.cause], ['issuer unavailable', 'requested']);
      assert.equal((await dispatcher.due.counts()).delayed, 1);
    },
  },
  removal: {
    upserted: [],
    removed: ['v1'],
    async check({ healthy, bulk }) {
      const { dispatcher } = healthy;
      const { state, gone, pending } = await dispatcher.bulks.progress(bulk);
      assert.deepEqual({ state, gone, pending }, { state: 'finished', gone: 1, pending: 0 });
      assert.equal(await dispatcher.nodeQueues.waiting('node-a'), 0);
      assert.deepEqual(await dispatcher.due.counts(), { delayed: 0, waiting: 0, active: 0 });
    },
  },
};

async function checkSettled(fleet: Fleet, check: Answer['check']): Promise<void> {
  const { healthy, keys } = fleet;
  assert.equal((await healthy.dispatcher.lanes.state(ca)).inFlight, 0);
  assert.equal(await healthy.connections.commands.zcard(keys.started), 0);
  assert.equal(await healthy.connections.commands.exists(keys.outbox('node-a')), 0);
  await check(fleet);
}

describe('a report whose processing is interrupted after any command', { concurrency: 2 }, () => {
  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());

  for (const [name, { upserted, removed, check }] of Object.entries(answers)) {
    test(`is settled once by the replica that the agent connects to next: ${name}`, async () => {
      for (let commands = 1, isDone = false; !isDone; commands++) {
        const fleet = await fleetWithRenewal();
        try {
          const session = await fleet.doomed.index.openSession('node-a', info);
          const cutoff = new Cutoff(fleet.doomed, commands);
          const applied = fleet.doomed.index.applyDelta(session, upserted, removed);
          isDone = await applied.then(
            () => !cutoff.isReached,
            () => false,
          );
          await enrol(fleet.healthy, 'node-a', upserted);
          await checkSettled(fleet, check);
          // A late command of the first replica changes nothing.
          cutoff.end();
          await assert.rejects(fleet.doomed.index.applyDelta(session, upserted, removed), { code: 'aborted' });
          await checkSettled(fleet, check);
        } catch (error) {
          throw new Error(`after ${commands} commands`, { cause: error });
        } finally {
          await fleet.stop();
        }
      }
    });

    test(`is settled once by the same replica when Redis responds again: ${name}`, async () => {
      const fleet = await fleetWithRenewal();
      try {
        const session = await fleet.doomed.index.openSession('node-a', info);
        // Each round gets one command further.
        for (let commands = 1, isDone = false; !isDone; commands++) {
          const cutoff = new Cutoff(fleet.doomed, commands);
          isDone = await fleet.doomed.index.applyDelta(session, upserted, removed).then(
            () => !cutoff.isReached,
            () => false,
          );
          cutoff.end();
        }
        await checkSettled(fleet, check);
      } finally {
        await fleet.stop();
      }
    });
  }

  test('is settled once when the client sends the script again after a lost connection', async () => {
    const fleet = await fleetWithRenewal();
    try {
      const { index, connections } = fleet.healthy;
      const session = await index.openSession('node-a', info);
      const client = connections.commands as Redis;
      const send = client.sendCommand.bind(client);
      client.sendCommand = async (command, ...rest) => {
        client.sendCommand = send;
        await client.call(command.name, ...(command.args as string[]));
        return await send(command, ...rest);
      };
      const { upserted, check } = answers['success'] ?? assert.fail();
      // Not known before, and so one more than before, whichever answer arrives.
      const added = reportOf({ id: 'v2', ...laterTimes, issuer: 'other' });
      assert.equal(await index.applyDelta(session, [...upserted, added], []), 1);
      await fleet.healthy.dispatcher.due.remove([jobId(indexedVolumeOf('node-a', added))]);
      await checkSettled(fleet, check);
    } finally {
      await fleet.stop();
    }
  });

  test('is settled by the next sweep of any replica when its node was forgotten', async () => {
    const { check } = answers['removal'] ?? assert.fail();
    for (let commands = 1, isDone = false; !isDone; commands++) {
      const fleet = await fleetWithRenewal();
      try {
        const cutoff = new Cutoff(fleet.doomed, commands);
        isDone = await fleet.doomed.index.forgetNode('node-a').then(
          () => !cutoff.isReached,
          () => false,
        );
        const { index } = fleet.healthy;
        // The first command may only say that the server does not have the script yet.
        if (await index.isKnown('node-a')) await index.forgetNode('node-a');
        assert.deepEqual(await index.leavingNodes(), ['node-a']);
        await index.finishForgetting('node-a');
        await checkSettled(fleet, check);
      } catch (error) {
        throw new Error(`after ${commands} commands`, { cause: error });
      } finally {
        await fleet.stop();
      }
    }
  });
});
