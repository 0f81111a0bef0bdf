import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { fleetPod, type GetFleet } from '../fleet/fleet-context.ts';
import { untilIndexIsWhole } from '../fleet/fleet-state.ts';
import { applyPodsAndWaitReady, deletePods, listPods } from '../support/pods.ts';
import { BlockRunner } from './block-runner.ts';
import { commandsNotRun } from './commands-not-run.ts';
import { documentedBlocks } from './documented-commands.ts';
import { phases } from './phases.ts';
import { takeStep } from './run-phase.ts';

/** Runs the documented commands. The last suite: it removes the release. */
export function documentationSuite(context: GetFleet): void {
  describe('the documented commands, with the faults that they are for', () => {
    let runner: BlockRunner | undefined;
    before(async () => {
      const { cluster, fleet, reader } = context();
      runner = new BlockRunner(cluster);
      if (await fleet.isInstalled()) {
        const names = (await listPods(cluster)).map(({ metadata }) => metadata.name);
        reader.remove(...names);
        await deletePods(cluster, names);
      } else {
        await fleet.install();
        await context().join();
      }
      await applyPodsAndWaitReady(cluster, [fleetPod('web', { duration: '24h' })]);
      await untilIndexIsWhole(context());
    });

    for (const { state, steps } of phases) {
      describe(state, () => {
        for (const step of steps) {
          test('act' in step ? step.act : step.run, async () => {
            assert.ok(runner !== undefined);
            await takeStep(step, context(), runner);
          });
        }
      });
    }

    test('were all run, except those that a table lists with a reason', () => {
      const keys = documentedBlocks().map(({ key }) => key);
      const missing = keys.filter((key) => runner?.ran.has(key) !== true && !Object.hasOwn(commandsNotRun, key));
      assert.deepEqual(missing, []);
    });
  });
}
