import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { lockDirectory } from './directory-lock.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'certfleet-lock-'))));
afterEach(() => rmSync(directory, { recursive: true }));
const wait = { clock: systemClock, maxMs: 0, onWait: () => undefined, signal: new AbortController().signal };

describe('lockDirectory', () => {
  test('admits one process at a time, and waits for it up to the limit', async () => {
    const clock = new ManualClock();
    const unlock = await lockDirectory(directory, wait);
    let waits = 0;
    const waiting = { ...wait, clock, maxMs: 1_000, onWait: () => void (waits += 1) };
    const refused = assert.rejects(lockDirectory(directory, waiting), {
      code: 'unavailable',
      reason: 'DataRootLocked',
    });
    await clock.advance(1_000);
    await refused;
    const next = lockDirectory(directory, waiting);
    await clock.advance(500);
    unlock();
    await clock.advance(250);
    (await next)();
    assert.equal(waits, 2);
  });

  test('stops waiting when the signal is aborted', async () => {
    const unlock = await lockDirectory(directory, wait);
    const stop = new AbortController();
    const refused = assert.rejects(
      lockDirectory(directory, { ...wait, maxMs: 60_000, signal: stop.signal }),
      /stopping/,
    );
    stop.abort(new Error('stopping'));
    await refused;
    unlock();
  });

  test('is released when its process is killed', async () => {
    const script = `
    import { systemClock } from '@certfleet/shared/clock.ts';
    import { lockDirectory } from ${JSON.stringify(join(import.meta.dirname, 'directory-lock.ts'))};
    const signal = new AbortController().signal;
    await lockDirectory(${JSON.stringify(directory)}, { clock: systemClock, maxMs: 0, onWait() {}, signal });
    console.log('locked');
    setInterval(() => undefined, 1000);`;
    const other = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: import.meta.dirname });
    await once(other.stdout, 'data');
    await assert.rejects(lockDirectory(directory, wait), { reason: 'DataRootLocked' });
    other.kill('SIGKILL');
    await once(other, 'exit');
    (await lockDirectory(directory, wait))();
  });

  test('keeps a process alive that only waits', async () => {
    const unlock = await lockDirectory(directory, wait);
    const script = `
    import { systemClock } from '@certfleet/shared/clock.ts';
    import { lockDirectory } from ${JSON.stringify(join(import.meta.dirname, 'directory-lock.ts'))};
    const [signal, onWait] = [new AbortController().signal, () => console.log('waits')];
    await lockDirectory(${JSON.stringify(directory)}, { clock: systemClock, maxMs: 60_000, onWait, signal });`;
    const other = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: import.meta.dirname });
    await once(other.stdout, 'data');
    unlock();
    assert.deepEqual(await once(other, 'exit'), [0, null]);
  });
});
