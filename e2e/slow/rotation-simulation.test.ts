// Many CA rotations against fleets in memory, and a large one: the same code as e2e/fleet/rotation-simulation.test.ts.
import { describe, test } from 'node:test';
import { rotateLargeFleet, rotateUnderDisturbances } from '../fleet/support/rotation-simulation.ts';

describe('many CA rotations in simulated fleets', () => {
  test('no pod lacks the CA of a certificate in use, and every rotation and rollback ends', async () => {
    await rotateUnderDisturbances(1_000);
  });

  test('20,000 volumes on 200 nodes are rotated, each about once', async () => {
    await rotateLargeFleet({ nodes: 200, volumes: 20_000 });
  });
});
