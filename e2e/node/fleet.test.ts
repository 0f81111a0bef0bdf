// The suites share a cluster and a release. This one runs alone as well:
// node --test --test-name-pattern='the documented commands' e2e/node/fleet.test.ts
import { documentationSuite } from './documentation/documentation.ts';
import { caRollbackSuite } from './fleet/ca-rollback.ts';
import { caRollSuite } from './fleet/ca-roll.ts';
import { caRotationSuite } from './fleet/ca-rotation.ts';
import { controllerLossSuite } from './fleet/controller-loss.ts';
import { describeFleet } from './fleet/describe-fleet.ts';
import { smallFleet } from './fleet/fleet-scale.ts';
import { fleetSecretSuite } from './fleet/fleet-secrets.ts';
import { installationSuite } from './fleet/installation.ts';
import { nodeSilenceSuite } from './fleet/node-silence.ts';
import { operatorSuite } from './fleet/operators.ts';
import { redisLossSuite } from './fleet/redis-loss.ts';
import { renewalPathSuite } from './fleet/renewal-path.ts';
import { rollbackSuite } from './fleet/rollback.ts';
import { sideBySide } from './support/side-by-side.ts';

// e2e/slow/full-fleet.test.ts runs the suites whose proof grows with the number of pods, and loses parts and rolls back in
// all phases.
describeFleet('the whole chart on a real node', smallFleet, [
  installationSuite,
  sideBySide({ 'renewal path': [renewalPathSuite], requests: [operatorSuite, caRollSuite] }),
  sideBySide({ rotation: [caRotationSuite], rollbacks: [caRollbackSuite] }),
  controllerLossSuite,
  nodeSilenceSuite,
  redisLossSuite,
  rollbackSuite,
  fleetSecretSuite,
  documentationSuite,
]);
