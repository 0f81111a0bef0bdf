import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WaitReason } from '@certfleet/fleet-model/vocabulary.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import type { VolumeSketch } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { RenewalProgress } from './renewal-progress.ts';
import { RenewalTargets } from './renewal-targets.ts';
import { renewalWork } from './renewal-work.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const minute = 60_000;
const day = 1440 * minute;
const ids = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'];

function volume(id: string, sketch: Partial<VolumeSketch> = {}, issuedAtMs = nowMs - day): IndexedVolume {
  const times = { notBeforeMs: nowMs - day, renewAtMs: nowMs + day, notAfterMs: nowMs + 2 * day };
  const indexed = indexedVolumeOf('a', reportOf({ id, generation: 1, ...times, ...sketch }));
  const { certificate } = indexed;
  return certificate === undefined ? indexed : { ...indexed, certificate: { ...certificate, issuedAtMs } };
}

const status = {
  startTime: new Date(nowMs - 30 * minute).toISOString(),
  targets: RenewalTargets.of(ids.map((id) => volume(id))).toStatus(),
};
const progress: RenewalProgress = {
  ...{ id: 'r', by: 'jane', reason: 'roll', selection: 'everything', state: 'running', createdAtMs: nowMs - day },
  ...{ total: 6, pending: 4, renewed: 2, gone: 0, cancelled: 0, failures: 1 },
};

function viewOf(volumes: readonly IndexedVolume[]): FleetView {
  const view = new FleetView();
  view.replaceNode('a', { agentVersion: '1', connectedTo: '' }, new Map(volumes.map((each) => [each.volumeId, each])));
  return view;
}

const fleet = [
  volume('v1', { generation: 2 }, nowMs - minute),
  volume('v2', { generation: 2 }, nowMs - 20 * minute),
  volume('v3'),
  volume('v4'),
  volume('v5', { attempts: 1, failedAtMs: nowMs - minute }),
  volume('v6'),
];

describe('renewalWork', () => {
  const clock = new ManualClock(nowMs);

  test('counts what the pending volumes wait for, until when, and lists failing ones first', async () => {
    const view = viewOf(fleet);
    view.setProgress({
      started: new Map([['a', new Set(['v6'])]]),
      holds: new Map([
        [
          'a',
          new Map([
            ['v3', { reason: 'rate', untilMs: nowMs + minute }],
            ['v4', { reason: 'rate', untilMs: nowMs + 2 * minute }],
          ]),
        ],
      ]),
    });
    const { waiting, volumes } = await renewalWork({ view: () => view, clock }, { progress, status });
    assert.deepEqual(waiting, [
      { reason: 'rate', count: 2, untilMs: nowMs + 2 * minute },
      { reason: 'failing', count: 1, untilMs: undefined },
      { reason: 'started', count: 1, untilMs: undefined },
    ]);
    assert.deepEqual(
      volumes.map(({ volumeId }) => volumeId),
      ['v5', 'v3', 'v4', 'v6'],
    );
  });

  test('the rate is that of the last five minutes, and the end follows from it', async () => {
    const view = viewOf(fleet);
    const { perMinute, expectedEndMs } = await renewalWork({ view: () => view, clock }, { progress, status });
    assert.deepEqual([perMinute, expectedEndMs], [0.2, nowMs + 20 * minute]);
    const idle = viewOf(fleet.filter(({ volumeId }) => volumeId !== 'v1'));
    const none = await renewalWork({ view: () => idle, clock }, { progress, status });
    assert.deepEqual([none.perMinute, none.expectedEndMs], [0, undefined]);
    // A renewal of two minutes: no time of issuance is needed.
    const young = { ...status, startTime: new Date(nowMs - 2 * minute).toISOString() };
    const soon = await renewalWork({ view: () => idle, clock }, { progress, status: young });
    assert.deepEqual([soon.perMinute, soon.expectedEndMs], [1, nowMs + 4 * minute]);
  });

  test('the end is unknown while a volume waits for an operator or its node, and not before a wait that is known', async () => {
    const endWith = async (reason: WaitReason, untilMs: number | undefined): Promise<number | undefined> => {
      const view = viewOf(fleet);
      view.setProgress({ started: new Map(), holds: new Map([['a', new Map([['v3', { reason, untilMs }]])]]) });
      return (await renewalWork({ view: () => view, clock }, { progress, status })).expectedEndMs;
    };
    assert.equal(await endWith('paused', undefined), undefined);
    assert.equal(await endWith('node-silent', undefined), undefined);
    assert.equal(await endWith('window', nowMs + day), nowMs + day);
    assert.equal(await endWith('rate', nowMs + minute), nowMs + 20 * minute);
  });

  test('a suspended renewal has no rate, a finished one waits for nothing', async () => {
    const view = viewOf(fleet);
    const suspended = { ...progress, state: 'suspended' } as const;
    const work = await renewalWork({ view: () => view, clock }, { progress: suspended, status });
    assert.deepEqual([work.perMinute, work.waiting.length > 0], [undefined, true]);
    const finished = { ...progress, state: 'finished', pending: 0, renewed: 6 } as const;
    const done = await renewalWork({ view: () => view, clock }, { progress: finished, status });
    assert.deepEqual([done.perMinute, done.waiting, done.volumes], [undefined, [], []]);
  });
});
