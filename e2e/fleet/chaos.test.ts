// The controller, Redis, replicas and agents with random faults from a seed; `npm run soak` runs it longer.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChaos, whyNoChaos } from './chaos/run-chaos.ts';
import { lossesHaveAnAlert } from './chaos/losses.ts';

const skip = whyNoChaos() ?? false;

/**
 * Its faults include an issuer's outage, a replica with a wrong clock, and a Redis that is emptied; afterwards an
 * issuer fails again while many renewals wait for it.
 */
const seed = 2;

describe('the fleet under faults', () => {
  test('holds every invariant of the fleet under faults', { skip }, async (t) => {
    const summary = await runChaos({ minutes: 2, seed, agents: 100, say: (line) => t.diagnostic(line) });
    const { report, violations, ...counts } = summary;
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(violations, [], report);
  });

  test('an alert uses the metric of lost Redis state', () => {
    assert.ok(lossesHaveAnAlert());
  });
});
