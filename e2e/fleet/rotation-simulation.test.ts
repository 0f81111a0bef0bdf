// The logic of CA rotations against fleets in memory: replicas with old caches and lost writes, agents that are late or
// silent, failures, pods that do not load their certificates, losses of Redis, suspensions and rollbacks. `npm run
// test:slow` carries out more and larger ones.
import { describe, test } from 'node:test';
import { rotateLargeFleet, rotateUnderDisturbances } from './support/rotation-simulation.ts';

describe('CA rotations in simulated fleets', () => {
  test('no pod lacks the CA of a certificate in use, and every rotation and rollback ends', async () => {
    await rotateUnderDisturbances(40);
  });

  test('4,000 volumes on 40 nodes are rotated, each about once', async () => {
    await rotateLargeFleet({ nodes: 40, volumes: 4_000 });
  });
});
