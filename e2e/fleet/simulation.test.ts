// A small fleet: the real controller, a real Redis and the agents' links, each in separate processes. The full size is
// `npm run bench -- --only simulation`.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulate } from './simulation/simulation.ts';

describe('the simulation of a fleet', () => {
  test('every volume is renewed in time by its job, and no lane exceeds its limits', async (t) => {
    const result = await simulate({
      program: 'sources',
      nodes: 10,
      volumes: 400,
      issuers: 40,
      // More than the crowd's lane may start within the window of the check: the rate is what limits it.
      crowd: 200,
      hosts: 1,
      // Other tests share the machine: an agent waits 25 s for its job.
      lifetimeMs: 300_000,
      spreadMs: 16_000,
      enrolMs: 10_000,
    });
    t.diagnostic(JSON.stringify(result));
    assert.deepEqual([result.forgotten, result.byDeadline, result.expired], [0, 0, 0]);
    assert.deepEqual(result.beyondLimits, []);
    // The crowd was limited: 10 at once, then 20 per second.
    assert.ok(result.crowd.seconds >= 9, `the crowd took ${result.crowd.seconds} s`);
    assert.ok(result.connectionsPerNode <= 3, `${result.connectionsPerNode} connections`);
  });
});
