// The suites of e2e/node/fleet.test.ts whose proof grows with the number of pods, with fifty and sixty of them. Here each
// part is lost and a rotation is rolled back in every phase, and Redis is stopped for a minute.
import { caRollbackSuite } from '../node/fleet/ca-rollback.ts';
import { caRollSuite } from '../node/fleet/ca-roll.ts';
import { caRotationSuite } from '../node/fleet/ca-rotation.ts';
import { controllerLossSuite } from '../node/fleet/controller-loss.ts';
import { describeFleet } from '../node/fleet/describe-fleet.ts';
import { fullFleet } from '../node/fleet/fleet-scale.ts';
import { installationSuite } from '../node/fleet/installation.ts';
import { redisLossSuite } from '../node/fleet/redis-loss.ts';

describeFleet('the whole chart on a real node with sixty pods', fullFleet, [
  installationSuite,
  caRollSuite,
  caRotationSuite,
  caRollbackSuite,
  controllerLossSuite,
  redisLossSuite,
]);
