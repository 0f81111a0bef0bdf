import { after, before, describe } from 'node:test';

import { caRollbackSuite } from './fleet/ca-rollback.ts';
import { caRollSuite } from './fleet/ca-roll.ts';
import { caRotationSuite } from './fleet/ca-rotation.ts';
import { controllerLossSuite } from './fleet/controller-loss.ts';
import { openFleetContext, type FleetContext } from './fleet/fleet-context.ts';
import { fleetSecretSuite } from './fleet/fleet-secrets.ts';
import { installationSuite } from './fleet/installation.ts';
import { nodeSilenceSuite } from './fleet/node-silence.ts';
import { operatorSuite } from './fleet/operators.ts';
import { redisLossSuite } from './fleet/redis-loss.ts';
import { renewalPathSuite } from './fleet/renewal-path.ts';
import { rollbackSuite } from './fleet/rollback.ts';

// It kills, stops and inspects the node, and installs images that only a local cluster can pull.
const skip =
  (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') === ''
    ? false
    : 'needs a local node, not the cluster of CERTFLEET_E2E_KUBECONFIG';

describe('the whole chart on a real node', { skip }, () => {
  let opened: FleetContext | undefined;
  const context = (): FleetContext => {
    if (opened === undefined) throw new Error('the cluster did not start');
    return opened;
  };
  before(async () => {
    opened = await openFleetContext();
  });
  after(() => opened?.stop());

  // All suites share one release, which each leaves working; the pods of the first suite run and are read until the
  // end.
  installationSuite(context);
  operatorSuite(context);
  renewalPathSuite(context);
  caRollSuite(context);
  caRotationSuite(context);
  caRollbackSuite(context);
  controllerLossSuite(context);
  nodeSilenceSuite(context);
  redisLossSuite(context);
  rollbackSuite(context);
  fleetSecretSuite(context);
});
