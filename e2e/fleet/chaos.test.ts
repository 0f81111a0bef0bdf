// The controller, Redis, replicas and agents under faults that a seed chooses; `npm run soak` runs it for longer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos, whyNoChaos } from './chaos/run-chaos.ts';
import { lossesHaveAnAlert } from './chaos/losses.ts';

const skip = whyNoChaos() ?? false;

/**
 * Its faults include an issuer's outage, a replica that is wrong about the time, and a Redis that is emptied; when they have
 * ended, an issuer is away once more while many renewals wait for it.
 */
const seed = 2;

test('keeps every promise of the fleet under faults', { skip }, async (t) => {
  const summary = await runChaos({ minutes: 2, seed, agents: 100, say: (line) => t.diagnostic(line) });
  const { report, violations, ...counts } = summary;
  t.diagnostic(JSON.stringify(counts));
  assert.deepEqual(violations, [], report);
});

test('an alert reads the metric of what Redis lost', () => {
  assert.ok(lossesHaveAnAlert());
});
