import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

import { run } from '../cluster/command.ts';
import { kernelSettings } from '../cluster/node/mounts.ts';
import { marksOf, tracesOf } from '../cluster/testing/traces.ts';
import type { Cluster } from '../cluster/types.ts';
import { DockerEngine } from './docker-engine.ts';

/** A dockerd that a test has for itself. */
export interface EngineOfTest {
  readonly engine: DockerEngine;
  /** Ends it and expects the machine to be as it was before. */
  expectNoTrace(): Promise<void>;
}

/** Starts dockerd, which ends with the test at the latest; where it cannot run the test is skipped, with the reason. */
export async function startEngine(t: TestContext): Promise<EngineOfTest | undefined> {
  if (process.getuid?.() !== 0) {
    t.skip('dockerd needs root');
    return undefined;
  }
  const before = await machineState();
  const engine = await DockerEngine.start(console.log).catch((error: unknown) => {
    t.skip(`dockerd does not run here: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (engine === undefined) return undefined;
  t.after(() => engine.stop());
  return {
    engine,
    async expectNoTrace() {
      const exec: Cluster['exec'] = (command, args) => engine.run([command, ...args]);
      const marks = await marksOf({ name: engine.sandbox.name, exec });
      await engine.stop();
      assert.equal(await machineState(), before);
      assert.deepEqual(await tracesOf(marks), []);
    },
  };
}

/** What of the machine itself a container engine or a node in a container may change. */
async function machineState(): Promise<string> {
  const links = await run(['ip', '-brief', 'link']);
  const rules = await run(['iptables-save']);
  return [
    links.stdout.replace(/\s.*/g, ''),
    ...rules.stdout
      .split('\n')
      .filter((line) => /^[-*:]/.test(line))
      .map((line) => line.replace(/ \[.*/, '')),
    // What a kubelet sets, and a Debian that boots.
    ...[...Object.keys(kernelSettings), '/proc/sys/kernel/pid_max'].map(
      (path) => `${path} ${readFileSync(path, 'latin1')}`,
    ),
    `kernel modules: ${existsSync('/lib/modules')}`,
  ].join('\n');
}
