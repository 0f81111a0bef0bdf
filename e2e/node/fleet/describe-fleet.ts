import { after, before, describe } from 'node:test';

import { openFleetContext, type FleetContext, type GetFleet } from './fleet-context.ts';
import type { FleetScale } from './fleet-scale.ts';

// They kill, stop and inspect the node, and install images that only a local cluster can pull.
const skip =
  (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') === ''
    ? false
    : 'needs a local node, not the cluster of CERTFLEET_E2E_KUBECONFIG';

/** Registers tests for a cluster that does not exist yet. */
export type FleetSuite = (context: GetFleet, scale: FleetScale) => void;

/**
 * Runs suites on one cluster. They share one release, which each leaves working; the pods of the first suite run and are
 * read until the end.
 */
export function describeFleet(title: string, scale: FleetScale, suites: readonly FleetSuite[]): void {
  describe(title, { skip }, () => {
    let opened: FleetContext | undefined;
    before(async () => {
      opened = await openFleetContext(scale);
    });
    after(() => opened?.stop());
    const context = (): FleetContext => {
      if (opened === undefined) throw new Error('the cluster did not start');
      return opened;
    };
    for (const suite of suites) suite(context, scale);
  });
}
