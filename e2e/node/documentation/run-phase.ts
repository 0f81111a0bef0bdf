import assert from 'node:assert/strict';
import { waitUntil } from '../../cluster/wait.ts';
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
  const run = (): Promise<string> => runner.run(step.run, { ...defaults, ...step.env });
  let output = await run();
  const isAsExpected = (): boolean => step.expect.every((pattern) => pattern.test(output));
  if (!isAsExpected() && viewed.test(step.run)) {
    const isNowAsExpected = async (): Promise<boolean> => {
      output = await run();
      return isAsExpected();
    };
    await waitUntil(step.run, isNowAsExpected, { timeoutMs: 10_000, intervalMs: 500 }).catch(() => undefined);
  }
  for (const pattern of step.expect) assert.match(output, pattern);
}

/** Commands that only show something. The answer of the other replica may be two seconds older than what a test waited for. */
const viewed = /: certfleet (list|lanes|status|nodes|audit)\b/;
