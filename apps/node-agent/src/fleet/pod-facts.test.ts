import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { chosenLabels } from './pod-facts.ts';
import type { ReportedPod } from './pod-facts.ts';
import { PodFactsReader } from './pod-facts-reader.ts';

type Owner = ReportedPod['metadata']['controller'];

const pod = (controller: Owner, labels: Record<string, string> = {}, uid = 'u1'): ReportedPod => ({
  uid,
  metadata: { controller, labels },
});

describe('chosenLabels', () => {
  test('takes the chosen labels that the pod has, and no property of objects', () => {
    const labels = { team: 'payments', secret: 'x' };
    assert.deepEqual(chosenLabels(['owner', 'team', 'constructor'], labels), [{ key: 'team', value: 'payments' }]);
  });
});

const log = createLogger(0, { write: () => undefined });
const keyOf = (name: string, uid = 'u1') => ({ namespace: 'shop', name, uid });

describe('PodFactsReader', () => {
  test('reads each pod once and one at a time, and announces what it found', async () => {
    const clock = new ManualClock();
    const reads: string[] = [];
    const changes: string[] = [];
    const reader = new PodFactsReader({
      ...{ clock, log, labels: ['team'] },
      getPod: ({ name }) => {
        reads.push(name);
        return Promise.resolve(pod({ kind: 'StatefulSet', name: 'web' }, { team: 'payments' }));
      },
    });
    reader.onChange((volumeId) => void changes.push(volumeId));
    assert.equal(reader.facts('csi-0', keyOf('web-0')), undefined);
    assert.equal(reader.facts('csi-1', keyOf('web-1')), undefined);
    await clock.advance(0);
    assert.deepEqual([reads, changes], [['web-0'], ['csi-0']]);
    await clock.advance(200);
    assert.deepEqual(
      [reads, changes],
      [
        ['web-0', 'web-1'],
        ['csi-0', 'csi-1'],
      ],
    );
    await clock.advance(200);
    const facts = { workload: { kind: 'StatefulSet', name: 'web' }, labels: [{ key: 'team', value: 'payments' }] };
    assert.deepEqual(reader.facts('csi-0', keyOf('web-0')), facts);
    assert.equal(reads.length, 2);
    reader.forget('csi-0');
    reader.facts('csi-0', keyOf('web-0'));
    await clock.advance(0);
    assert.equal(reads.length, 3);
    await reader.stop();
    assert.equal(clock.timers, 0);
  });

  test('reports nothing of another pod of that name', async () => {
    const clock = new ManualClock();
    const found = [pod(undefined, {}, 'other'), undefined];
    const reader = new PodFactsReader({ clock, log, labels: [], getPod: () => Promise.resolve(found.shift()) });
    const changes: string[] = [];
    reader.onChange((volumeId) => void changes.push(volumeId));
    for (const id of ['csi-0', 'csi-1']) reader.facts(id, keyOf(id));
    await clock.advance(0);
    await clock.advance(200);
    assert.deepEqual([changes, found.length], [[], 0]);
    await reader.stop();
  });

  test('tries again after a minute while the API server does not answer', async () => {
    const clock = new ManualClock();
    let reads = 0;
    const reader = new PodFactsReader({
      ...{ clock, log, labels: [] },
      getPod: (_pod, signal) => {
        reads += 1;
        if (reads > 1) return Promise.resolve(pod(undefined));
        return new Promise<undefined>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('timeout')));
        });
      },
    });
    reader.facts('csi-0', keyOf('web-0'));
    await clock.advance(10_000);
    await clock.advance(59_999);
    assert.equal(reads, 1);
    await clock.advance(1);
    assert.equal(reads, 2);
    assert.equal(reader.facts('csi-0', keyOf('web-0'))?.workload.kind, 'Pod');
    await reader.stop();
  });
});
