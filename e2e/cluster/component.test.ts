import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';

import { Component } from './component.ts';
import { waitUntil } from './wait.ts';

/** A process that never ends by itself. */
async function startedComponent(t: TestContext, isRestarted: boolean): Promise<Component> {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-component-'));
  const component = new Component({
    name: 'tail',
    logFile: join(directory, 'tail.log'),
    prefix: [],
    argv: ['tail', '-f', '/dev/null'],
    isReady: () => Promise.resolve(true),
    isRestarted,
  });
  t.after(async () => {
    await component.stop();
    rmSync(directory, { recursive: true });
  });
  await component.start();
  return component;
}

/** Ends the process behind the component's back, as a crash does. */
function crash({ pid }: Component): number {
  assert.ok(pid !== null);
  process.kill(pid, 'SIGKILL');
  return pid;
}

describe('Component', () => {
  test('starts a process again that exits by itself, but not one that a test ends', async (t) => {
    const component = await startedComponent(t, true);
    const before = crash(component);
    const isAnother = (): Promise<boolean> => Promise.resolve(component.running && component.pid !== before);
    await waitUntil('another process', isAnother, { timeoutMs: 30_000, intervalMs: 10 });
    await component.kill();
    assert.equal(component.running, false);
    await component.start();
    assert.equal(component.running, true);
  });

  test('leaves others as they ended', async (t) => {
    const component = await startedComponent(t, false);
    crash(component);
    await waitUntil('the exit', () => Promise.resolve(!component.running), { timeoutMs: 30_000, intervalMs: 10 });
    assert.equal(component.pid, null);
  });
});
