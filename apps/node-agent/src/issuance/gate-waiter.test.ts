import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { parseReadinessGate } from '../spec/readiness-gate.ts';
import { awaitGates } from './gate-waiter.ts';
import type { GateWaiterOptions } from './gate-waiter.ts';

const pod = { name: 'web', namespace: 'shop', uid: 'u1', serviceAccountName: 'default' };
type SeenPod = Awaited<ReturnType<GateWaiterOptions['getPod']>>;
const notReady = { uid: 'u1', status: {} };

function setUp(gates = ['pod-ip:any']): {
  clock: ManualClock;
  looks: number[];
  options: GateWaiterOptions;
  show: (seen: SeenPod) => void;
} {
  const clock = new ManualClock();
  const looks: number[] = [];
  let seen: SeenPod = notReady;
  const options: GateWaiterOptions = {
    gates: gates.map(parseReadinessGate),
    getPod: () => {
      looks.push(clock.now());
      return Promise.resolve(seen);
    },
    backoff: { initialMs: 1_000, factor: 2, jitter: 0, capMs: 4_000 },
    clock,
  };
  return { clock, looks, options, show: (next) => (seen = next) };
}
const never = new AbortController().signal;

describe('awaitGates', () => {
  test('does not read the pod without gates', async () => {
    const { looks, options } = setUp([]);
    await awaitGates(options, pod, never);
    assert.deepEqual(looks, []);
  });

  test('checks again with growing intervals up to the maximum', async () => {
    const { clock, looks, options } = setUp();
    const aborter = new AbortController();
    const ended = assert.rejects(awaitGates(options, pod, aborter.signal));
    await clock.advance(0);
    await clock.advance(15_000);
    assert.deepEqual(looks, [0, 1_000, 3_000, 7_000, 11_000, 15_000]);
    aborter.abort(new CertfleetError('deadline-exceeded', 'too late'));
    await ended;
  });

  test('names the unmet gates at the timeout', async () => {
    const { clock, options } = setUp();
    const aborter = new AbortController();
    const ended = assert.rejects(awaitGates(options, pod, aborter.signal), {
      code: 'deadline-exceeded',
      reason: 'GatePending',
      message: 'waiting for pod ip (any)',
    });
    await clock.advance(0);
    aborter.abort(new CertfleetError('deadline-exceeded', 'too late'));
    await ended;
    assert.equal(clock.timers, 0);
  });

  test('fails if the pod is gone or another pod has its name', async () => {
    const { options, show } = setUp();
    show(undefined);
    await assert.rejects(awaitGates(options, pod, never), { code: 'not-found', message: /found none/ });
    show({ ...notReady, uid: 'u2' });
    await assert.rejects(awaitGates(options, pod, never), { code: 'not-found', message: /found uid u2/ });
  });
});
