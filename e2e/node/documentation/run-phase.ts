import assert from 'node:assert/strict';
import type { FleetContext } from '../fleet/fleet-context.ts';
import { defaultIssuer } from '../support/certificate-pod.ts';
import type { BlockRunner } from './block-runner.ts';
import type { Step } from './phases.ts';

const defaults = { ISSUER: `ClusterIssuer.cert-manager.io//${defaultIssuer}` };

/** Runs a step; a block's commands must all succeed and print the expected output. */
export async function takeStep(step: Step, context: FleetContext, runner: BlockRunner): Promise<void> {
  if ('act' in step) {
    await step.do(context);
    return;
  }
  const output = await runner.run(step.run, { ...defaults, ...step.env });
  for (const pattern of step.expect) assert.match(output, pattern);
}
