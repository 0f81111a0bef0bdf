// The controller, Redis, replicas and agents with one fault of each kind from a seed; `npm run soak -- --world fleet` runs
// many rounds with more agents.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { faultKinds } from './chaos/faults.ts';
import { lossesHaveAnAlert } from './chaos/losses.ts';
import { runChaos, whyNoChaos } from './chaos/run-chaos.ts';

const skip = whyNoChaos() ?? false;

/**
 * With this seed, every kind of fault has its time within the round, and those of the operator happen while a replica
 * and Redis respond. Two nodes report invented failures and issuers.
 */
const seed = 2492;

describe('the fleet under faults', () => {
  test('holds every invariant of the fleet under a fault of each kind', { skip }, async (t) => {
    const { report, violations, ...counts } = await runChaos({
      ...{ minutes: 2, seed, faultsPerRound: faultKinds.length },
      // Each agent costs as much as ten volumes.
      ...{ agents: 16, volumesPerNode: 24 },
      say: (line) => t.diagnostic(line),
    });
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(violations, [], report);
    const missing = faultKinds.filter((kind) => counts.faultsByKind[kind] === 0);
    assert.deepEqual(missing, [], 'faults that were not carried out');
  });

  test('an alert uses the metric of lost Redis state', () => {
    assert.ok(lossesHaveAnAlert());
  });
});
