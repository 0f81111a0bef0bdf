import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { BlockRunner } from './documentation/block-runner.ts';
import { commandsNotRun } from './documentation/commands-not-run.ts';
import { documentedBlocks } from './documentation/documented-commands.ts';
import { phases } from './documentation/phases.ts';
import { takeStep } from './documentation/run-phase.ts';
import { fleetPod, openFleetContext, type FleetContext } from './fleet/fleet-context.ts';
import { untilIndexIsWhole } from './fleet/fleet-state.ts';
import { applyPodsAndWaitReady } from './support/pods.ts';

const skip =
  (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') === ''
    ? false
    : 'needs a local node, not the cluster of CERTFLEET_E2E_KUBECONFIG';

describe('the documented commands, on a real node with the faults that they are for', { skip }, () => {
  let opened: { readonly context: FleetContext; readonly runner: BlockRunner } | undefined;
  before(async () => {
    const context = await openFleetContext();
    opened = { context, runner: new BlockRunner(context.cluster) };
    await context.fleet.install();
    await context.join();
    await applyPodsAndWaitReady(context.cluster, [fleetPod('web', { duration: '24h' })]);
    await untilIndexIsWhole(context);
  });
  after(() => opened?.context.stop());

  for (const { state, steps } of phases) {
    describe(state, () => {
      for (const step of steps) {
        test('act' in step ? step.act : step.run, async () => {
          assert.ok(opened !== undefined);
          await takeStep(step, opened.context, opened.runner);
        });
      }
    });
  }

  test('were all run, except those that a table lists with a reason', () => {
    const keys = documentedBlocks().map(({ key }) => key);
    const missing = keys.filter((key) => opened?.runner.ran.has(key) !== true && !Object.hasOwn(commandsNotRun, key));
    assert.deepEqual(missing, []);
  });
});
