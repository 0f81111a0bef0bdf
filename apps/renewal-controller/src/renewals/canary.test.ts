import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { FileIntentStore } from '../intent/file-intent-store.ts';
import { approve, changeStatus, splitCanary, storeApproval, targetFields } from './canary.ts';
import { isApproved } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { allTargets, workLeft } from './renewal-work-left.ts';

const volume = (node: string, id: string, issuer = 'ca', generation = 1): IndexedVolume =>
  indexedVolumeOf(node, reportOf({ id, issuer, generation }));

const volumes = [
  ...Array.from({ length: 6 }, (_, i) => volume('a', `a${i}`)),
  ...Array.from({ length: 3 }, (_, i) => volume('b', `b${i}`)),
  volume('a', 'other', 'rare'),
];
const idsOf = (some: readonly IndexedVolume[]): readonly string[] => some.map(({ volumeId }) => volumeId);

function renewal(canary: number, approvalTime?: string): RenewalObject {
  const spec = { selection: { namespace: 'shop' }, reason: 'test', canary: { volumes: canary } };
  const metadata = {
    name: 'r',
    uid: 'u',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
  const object = { apiVersion: 'certfleet.io/v1alpha1', kind: 'Renewal', metadata, spec } as const;
  const fields = targetFields(object, volumes);
  const approved = fields.canary && { canary: { ...fields.canary, ...(approvalTime && { approvalTime }) } };
  return { ...object, status: { total: volumes.length, ...fields, ...approved } };
}

const byNode = (some: readonly IndexedVolume[]) => (node: string) => some.filter((each) => each.node === node);

describe('the canary of a renewal', () => {
  test('has volumes of every issuer and node before a second one of the same, and divides the selection', () => {
    const { canary, others } = splitCanary(volumes, 3);
    assert.deepEqual(idsOf(canary), ['a0', 'other', 'b0']);
    assert.deepEqual([...idsOf(canary), ...idsOf(others)].sort(), [...idsOf(volumes)].sort());
    assert.deepEqual(idsOf(splitCanary(volumes, 100).others), []);
  });

  test('is the only part that may be renewed, until the approval', async () => {
    const left = await workLeft(renewal(3), byNode(volumes), () => true);
    assert.deepEqual([idsOf(left.wanted).toSorted(), left.held, left.canaryPending], [['a0', 'b0', 'other'], 7, 3]);
    const renewed = volumes.map((each) => (each.volumeId === 'a0' ? volume('a', 'a0', 'ca', 2) : each));
    const less = await workLeft(renewal(3), byNode(renewed), () => true);
    assert.deepEqual([idsOf(less.wanted).toSorted(), less.held, less.canaryPending], [['b0', 'other'], 7, 2]);
    const approved = await workLeft(renewal(3, '2026-01-01T00:00:00Z'), byNode(renewed), () => true);
    assert.deepEqual([approved.wanted.length, approved.held], [9, 0]);
  });

  test('is not finished while a node with a volume of it has not reported', async () => {
    const { canaryPending, wanted } = await workLeft(
      renewal(3),
      byNode(volumes.filter(({ node }) => node === 'b')),
      (node) => node === 'b',
    );
    assert.deepEqual([canaryPending, idsOf(wanted)], [3, ['b0']]);
  });

  test('is unknown to an earlier release, which finds too few targets and starts nothing', async () => {
    const object = renewal(3);
    assert.equal(allTargets(object).count(), volumes.length);
    const pruned = { ...object, status: { ...object.status } };
    delete pruned.status.canary;
    await assert.rejects(
      workLeft(pruned, byNode(volumes), () => true),
      {
        code: 'failed-precondition',
        message: /expected 10 targets in its status, found 7/,
      },
    );
    // A selection that an earlier release has made has no canary.
    const { targets } = targetFields({ ...object, spec: { ...object.spec, canary: undefined } as never }, volumes);
    await assert.rejects(
      workLeft({ ...object, status: { total: 10, ...(targets && { targets }) } }, byNode(volumes), () => true),
      {
        code: 'failed-precondition',
      },
    );
  });
});

describe('the approval of a canary', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-canary-'));
  const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
  const log = createLogger(0, { write: () => undefined });
  const store = new FileIntentStore({ directory, clock, log });
  const audited: string[] = [];
  const events: string[] = [];
  const parts = {
    ...{ store, clock },
    audit: { write: (entry: { action: string }) => Promise.resolve(void audited.push(entry.action)) },
    recordEvent: (_object: RenewalObject, { reason }: { reason: string }) => void events.push(reason),
    announce: () => Promise.resolve(),
  };

  before(() => store.start());
  after(async () => {
    await store.stop();
    rmSync(directory, { recursive: true });
  });

  async function stored(name: string): Promise<RenewalObject> {
    const { spec, status } = renewal(3);
    const created = await store.create('Renewal', { name, spec });
    return await store.updateStatus('Renewal', created, status ?? {});
  }

  test('by the spec is stored once, and a spec without it does not withdraw it', async () => {
    const object = await stored('by-spec');
    assert.equal(await storeApproval(parts, object), object);
    const canary = { volumes: 3, approved: true };
    const approved = await storeApproval(parts, await store.patchSpec('Renewal', 'by-spec', { canary }));
    assert.ok(approved !== undefined && isApproved(approved));
    assert.equal(await storeApproval(parts, approved), approved);
    assert.deepEqual([audited, events], [['approve'], ['Approved']]);
    const reverted = await store.patchSpec('Renewal', 'by-spec', { canary: { volumes: 3, approved: false } });
    assert.ok(isApproved(reverted));
    // Another replica has changed the object: the next pass sees it.
    assert.equal(await storeApproval(parts, { ...object, spec: { ...object.spec, canary } }), undefined);
  });

  test('by the API needs no change of the spec, and outlasts a status that a replica writes at the same time', async () => {
    const object = await stored('by-api');
    let isFirst = true;
    await changeStatus(
      {
        get: async (kind, name) => {
          const fresh = await store.get(kind, name);
          if (isFirst) await store.updateStatus(kind, fresh, { ...fresh.status, renewed: 1 });
          isFirst = false;
          return fresh;
        },
        updateStatus: (kind, fresh, status) => store.updateStatus(kind, fresh, status),
      },
      'by-api',
      (fresh) => approve(fresh, 'jane', clock.now()),
    );
    const { spec, status, metadata } = await store.get('Renewal', 'by-api');
    assert.deepEqual([spec, metadata.generation], [object.spec, 1]);
    assert.deepEqual([status?.renewed, status?.canary?.approvedBy], [1, 'jane']);
    assert.equal(status?.canary?.approvalTime, '2026-03-01T12:00:00Z');
  });

  test('is refused without a canary or a selection, and the canary itself cannot be changed', async () => {
    const { spec } = renewal(3);
    const created = await store.create('Renewal', { name: 'pending', spec });
    assert.throws(() => approve(created, 'jane', 0), { code: 'failed-precondition', message: /not selected/ });
    const none = { ...created, spec: { selection: spec.selection, reason: 'test' } };
    assert.throws(() => approve(none, 'jane', 0), { code: 'failed-precondition', message: /no canary/ });
    for (const canary of [null, { volumes: 4 }])
      await assert.rejects(store.patchSpec('Renewal', 'pending', { canary }), /canary cannot be added or removed/);
  });
});
