import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLogger } from '@certfleet/shared/logger.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import { TestAuthority } from '../../../../e2e/support/test-authority.ts';
import { FileIntentStore } from '../intent/file-intent-store.ts';
import { RotationRequests } from './rotation-requests.ts';

describe('RotationRequests', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-rotation-'));
  const logger = createLogger(0, { write: () => undefined });
  const store = new FileIntentStore({ directory: join(directory, 'objects'), clock: systemClock, log: logger });
  const requests = new RotationRequests({
    store,
    logger,
    apiActions: { note: () => Promise.resolve() },
    reconciler: { reconcile: () => Promise.resolve() },
  });

  before(() => store.start());
  after(async () => {
    await store.stop();
    rmSync(directory, { recursive: true });
  });

  test('keeps both of two approvals at the same time', async () => {
    const [from = '', to = ''] = ['old', 'new'].map((name) =>
      readFileSync(new TestAuthority(directory, name).files.certificateFile, 'utf8'),
    );
    await requests.start({ name: 'r', from, to, reason: 'test', holdBefore: ['Reissue', 'Retire'] }, 'jane');
    await Promise.all([requests.approve('r', 'Reissue'), requests.approve('r', 'Retire')]);
    assert.deepEqual((await store.get('CARotation', 'r')).spec.approved, ['Reissue', 'Retire']);
  });
});
