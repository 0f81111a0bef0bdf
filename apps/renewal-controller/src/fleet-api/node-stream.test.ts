import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { AgentMessage, VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { ControllerMessage } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { MessageReader } from './message-reader.ts';
import { NodeStream } from './node-stream.ts';
import type { ReportIndex } from './node-stream.ts';
import { SnapshotTurns } from './snapshot-turns.ts';

/** Records complete snapshots. The first one fails at its second part, as if Redis became unavailable. */
class FailingOnce implements ReportIndex {
  readonly snapshots: string[][] = [];
  /** Session ids of the recorded snapshots. */
  readonly sessions: string[] = [];
  deltaFailure: Error | undefined;
  /** Number of sessions that another stream opens before this one. */
  foreign = 0;
  #hasFailed = false;
  #opened = 0;

  openSession(...[node, , entry]: Parameters<ReportIndex['openSession']>): ReturnType<ReportIndex['openSession']> {
    if (this.foreign > 0) {
      this.foreign -= 1;
      this.#opened += 1;
    }
    if (entry?.expected !== this.#current) {
      return Promise.reject(new CertfleetError('aborted', 'not expected', { reason: 'Superseded' }));
    }
    this.#opened += 1;
    return Promise.resolve({ node, id: `session-${this.#opened}` });
  }

  currentSession(): Promise<string> {
    return Promise.resolve(this.#current);
  }

  get #current(): string {
    return this.#opened === 0 ? '' : `session-${this.#opened}`;
  }

  nodeSeen(): ReturnType<ReportIndex['nodeSeen']> {
    return Promise.resolve('current');
  }

  async applySnapshot(...[session, parts]: Parameters<ReportIndex['applySnapshot']>): Promise<void> {
    const ids: string[] = [];
    for await (const reports of parts) {
      ids.push(...reports.map(({ volumeId }) => volumeId));
      if (ids.length < 2 || this.#hasFailed) continue;
      this.#hasFailed = true;
      throw new CertfleetError('unavailable', 'Redis is unavailable');
    }
    this.snapshots.push(ids);
    this.sessions.push(session.id);
  }

  applyDelta(): ReturnType<ReportIndex['applyDelta']> {
    const failure = this.deltaFailure;
    this.deltaFailure = undefined;
    return failure === undefined ? Promise.resolve(0) : Promise.reject(failure);
  }
}

interface Fixture {
  readonly index: FailingOnce;
  readonly say: (message: Parameters<typeof AgentMessage.fromPartial>[0]) => void;
  /** Resolves once the controller has requested that many snapshots. */
  readonly asked: (count: number) => Promise<void>;
  /** The ids of the descriptions that the controller has requested. */
  readonly questions: readonly string[];
  readonly ended: Promise<unknown>;
  readonly stream: NodeStream;
}

function startStream(t: TestContext): Fixture {
  const index = new FailingOnce();
  const agent = new PassThrough({ objectMode: true });
  let requests = 0;
  const questions: string[] = [];
  let onRequest = (): void => undefined;
  const stream = new NodeStream({
    node: 'node-a',
    reader: new MessageReader(agent as AsyncIterable<AgentMessage>),
    send: ({ resync, describe }: Partial<ControllerMessage>) => {
      if (resync !== undefined) requests += 1;
      if (describe !== undefined) questions.push(describe.requestId);
      onRequest();
    },
    index,
    turns: new SnapshotTurns(systemClock),
    replica: 'one',
    heartbeatSeconds: 60,
    clock: systemClock,
    log: createLogger(0, { write: () => undefined }),
    onAccepted: () => undefined,
    observeReport: () => undefined,
    onDescription: () => undefined,
  });
  const ended = stream.run().catch((thrown: unknown) => thrown);
  t.after(async () => {
    stream.end(new CertfleetError('cancelled', 'the test is over'));
    await ended;
  });
  return {
    index,
    stream,
    questions,
    ended,
    say: (message) => void agent.write(AgentMessage.fromPartial(message)),
    asked: (count) =>
      new Promise((resolve) => {
        onRequest = () => {
          if (requests >= count) resolve();
        };
        onRequest();
      }),
  };
}

const part = (id: string, last = false): Parameters<typeof AgentMessage.fromPartial>[0] => ({
  snapshot: { volumes: [VolumeReport.fromPartial({ volumeId: id })], last },
});

describe('NodeStream', () => {
  test('does not apply the remaining parts of a failed snapshot as a complete one', async (t) => {
    const { index, say, asked } = startStream(t);
    say({ hello: { agentVersion: '1.0.0' } });
    await asked(1);
    for (const id of ['a', 'b', 'c']) say(part(id));
    say(part('d', true));
    await asked(2);
    for (const id of ['a', 'b', 'c']) say(part(id));
    say(part('d', true));
    while (index.snapshots.length === 0) await new Promise(setImmediate);
    assert.deepEqual(index.snapshots, [['a', 'b', 'c', 'd']]);
  });

  test('requests a snapshot under a new session after the command of a change timed out', async (t) => {
    const { index, say, asked } = startStream(t);
    index.deltaFailure = new Error('Command timed out');
    say({ hello: { agentVersion: '1.0.0' } });
    await asked(1);
    say(part('a', true));
    while (index.snapshots.length === 0) await new Promise(setImmediate);
    say({ delta: { upserted: [VolumeReport.fromPartial({ volumeId: 'a' })] } });
    await asked(2);
    say(part('a', true));
    while (index.snapshots.length === 1) await new Promise(setImmediate);
    assert.deepEqual(index.sessions, ['session-1', 'session-2']);
  });

  test('requests a snapshot under a new session when the index may have been lost', async (t) => {
    const { index, say, asked, stream } = startStream(t);
    say({ hello: { agentVersion: '1.0.0' } });
    await asked(1);
    say(part('a', true));
    while (index.snapshots.length === 0) await new Promise(setImmediate);
    stream.resync();
    await asked(2);
    say(part('a', true));
    while (index.snapshots.length === 1) await new Promise(setImmediate);
    assert.deepEqual(index.sessions, ['session-1', 'session-2']);
  });

  test('enters by an answer of its agent after an abandoned stream opened a session', async (t) => {
    const { index, say, asked, questions } = startStream(t);
    index.foreign = 2;
    say({ hello: { agentVersion: '1.0.0' } });
    await asked(1);
    say(part('old', true));
    for (const answered of [0, 1]) {
      while (questions.length === answered) await new Promise(setImmediate);
      // An answer to another question proves nothing.
      say({ description: { requestId: 'other' } });
      say({ delta: { upserted: [VolumeReport.fromPartial({ volumeId: 'a' })] } });
      say({ description: { requestId: questions[answered] ?? '' } });
    }
    await asked(2);
    say(part('a', true));
    while (index.snapshots.length === 0) await new Promise(setImmediate);
    assert.deepEqual([index.snapshots, index.sessions], [[['a']], ['session-3']]);
  });

  test('ends when other streams of its node open sessions again and again', async (t) => {
    const { index, say, asked, questions, ended } = startStream(t);
    index.foreign = Infinity;
    say({ hello: { agentVersion: '1.0.0' } });
    await asked(1);
    say(part('a', true));
    for (let answered = 0; answered < 5; answered += 1) {
      while (questions.length === answered) await new Promise(setImmediate);
      say({ description: { requestId: questions[answered] ?? '' } });
    }
    assert.equal(((await ended) as CertfleetError).reason, 'Superseded');
  });
});
