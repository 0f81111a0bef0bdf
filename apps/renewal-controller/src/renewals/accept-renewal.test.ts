import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import { FileIntentStore } from '../intent/file-intent-store.ts';
import { acceptAtOnce, acceptRenewal } from './accept-renewal.ts';
import type { AcceptanceParts } from './accept-renewal.ts';
import type { RenewalObject } from './renewal-object.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const day = 86_400_000;
const volume = indexedVolumeOf('a', reportOf({ id: 'v1', renewAtMs: nowMs + day, notAfterMs: nowMs + 2 * day }));

describe('the acceptance of a Renewal while the index may be incomplete', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-accept-'));
  const log = createLogger(0, { write: () => undefined });
  const store = new FileIntentStore({ directory, clock: new ManualClock(nowMs), log });
  const audited: string[] = [];
  let beforeStatus = (): Promise<unknown> => Promise.resolve();
  const parts: AcceptanceParts = {
    store,
    readIndex: () => Promise.resolve({ nowMs, ageMs: 1_000, isComplete: () => true, incomplete: [] }),
    selectVolumes: async () => {
      await beforeStatus();
      return {};
    },
    bulks: { select: () => ({ volumes: [volume], skipped: 0 }) },
    audit: { write: ({ detail = '' }) => Promise.resolve(void audited.push(detail)) },
    recordEvent: () => undefined,
    announce: () => Promise.resolve(),
    settleMs: 30_000,
  };
  const create = (name: string): Promise<RenewalObject> =>
    store.create('Renewal', { name, spec: { selection: { everything: true }, reason: 'test' } });

  before(() => store.start());
  after(async () => {
    await store.stop();
    rmSync(directory, { recursive: true });
  });

  test('waits for reports if nobody has seen the fleet', async () => {
    assert.equal(await acceptRenewal(parts, await create('from-git')), undefined);
    assert.equal((await store.get('Renewal', 'from-git')).status?.state, 'Pending');
  });

  test('is at once if an operator requested it, also when another replica stores meanwhile that it waits', async () => {
    const created = await create('from-api');
    let conflicts = 0;
    beforeStatus = async () => {
      conflicts += 1;
      if (conflicts === 1) await acceptRenewal(parts, created);
    };
    audited.length = 0;
    await acceptAtOnce(parts, 'from-api');
    const { status } = await store.get('Renewal', 'from-api');
    assert.deepEqual([status?.state, conflicts, audited.length], ['Running', 2, 1]);
  });

  test('is not repeated for a Renewal that is accepted, suspended or deleted', async () => {
    let selections = 0;
    beforeStatus = () => Promise.resolve((selections += 1));
    await create('once');
    await acceptAtOnce(parts, 'once');
    await acceptAtOnce(parts, 'once');
    await create('suspended');
    await store.patchSpec('Renewal', 'suspended', { suspend: true });
    await acceptAtOnce(parts, 'suspended');
    await acceptAtOnce(parts, 'unknown');
    assert.equal(selections, 1);
  });
});
