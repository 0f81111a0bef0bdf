import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

import { run } from '../cluster/command.ts';
import { kernelSettings } from '../cluster/node/mounts.ts';
import { marksOf, tracesOf } from '../cluster/testing/traces.ts';
import { DockerEngine } from './docker-engine.ts';

/** A dockerd for one test. */
export interface EngineOfTest {
  readonly engine: DockerEngine;
  /** Ends it and checks that the machine is unchanged. */
  expectNoTrace(): Promise<void>;
}

/** Starts dockerd, which ends at the latest with the test; where it cannot run, the test is skipped with the reason. */
export async function startEngine(t: TestContext): Promise<EngineOfTest | undefined> {
  if (process.getuid?.() !== 0) {
    t.skip('dockerd needs root');
    return undefined;
  }
  const before = await machineState();
  const engine = await DockerEngine.start(console.log).catch((error: unknown) => {
    t.skip(`dockerd cannot run here: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (engine === undefined) return undefined;
  t.after(() => engine.stop());
  return {
    engine,
    async expectNoTrace() {
      await using marks = await marksOf(engine.sandbox.name);
      await engine.stop();
      assert.equal(await machineState(), before);
      assert.deepEqual(await tracesOf(marks), []);
    },
  };
}

/** The machine state that a container engine or a node in a container might change. */
async function machineState(): Promise<string> {
  const links = await run(['ip', '-brief', 'link']);
  const rules = await run(['iptables-save']);
  return [
    links.stdout.replace(/\s.*/g, ''),
    ...rules.stdout
      .split('\n')
      .filter((line) => /^[-*:]/.test(line))
      .map((line) => line.replace(/ \[.*/, '')),
    // Settings that a kubelet or a booting Debian changes.
    ...[...Object.keys(kernelSettings), '/proc/sys/kernel/pid_max'].map(
      (path) => `${path} ${readFileSync(path, 'latin1')}`,
    ),
    `kernel modules: ${existsSync('/lib/modules')}`,
  ].join('\n');
}
