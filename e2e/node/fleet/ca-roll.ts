import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';

import type { LanePage } from '../../../libs/operator-api/src/lanes.ts';
import { createCaIssuer } from '../../cluster/issuers.ts';
import { certfleetInController } from './fleet-api.ts';
import { crowdIssuer, type FleetContext, type GetFleet } from './fleet-context.ts';
import { expectEachOnce, untilApi, untilIndexIsWhole } from './fleet-state.ts';
import { maxAtOnce, tooFast, type LoggedRequest } from './request-log.ts';

/** Maximum difference of the delay between a lane's script and the API server. */
const toleranceMs = 1_000;

/** Checks that the crowd's renewals since then never exceeded the limits of its lane. */
export async function expectWithinLane({ requests, scale }: FleetContext, sinceMs = 0): Promise<void> {
  const isRenewal = ({ issuer, generation, createdAtMs }: LoggedRequest): boolean =>
    issuer === crowdIssuer && generation > 1 && createdAtMs >= sinceMs;
  const renewals = (await requests.read()).filter(isRenewal);
  const starts = renewals.map(({ createdAtMs }) => createdAtMs);
  assert.deepEqual(tooFast(starts, scale.lane, toleranceMs), []);
  assert.ok(maxAtOnce(renewals) <= scale.lane.maxInFlight, `${maxAtOnce(renewals)} at once`);
}

const isOpen = ({ issuer, signedAtMs }: LoggedRequest): boolean => issuer === crowdIssuer && signedAtMs === undefined;

/** Rotates an issuer's CA and replaces the certificates of the old one. */
export function caRollSuite(context: GetFleet): void {
  describe('a CA rotation for all pods of an issuer', () => {
    const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;
    let [oldCa, newCa, output] = ['', '', ''];

    before(async () => {
      const { cluster, requests, tokens, firstCrowdCa, api, crowd, scale } = context();
      oldCa = fingerprintOf(firstCrowdCa.caCertificate);
      const wanted = ['--ca-fingerprint', oldCa.replaceAll(':', '').toLowerCase(), '--reason', 'CA rolled'];
      const preview = await api.json<{ readonly count: number }>(tokens.renewer, 'renew', ...wanted, '--dry-run');
      assert.equal(preview.count, crowd.length);
      newCa = fingerprintOf((await createCaIssuer(cluster, { name: crowdIssuer })).caCertificate);

      // While the issuer does not respond, the lane fills to its limit.
      cluster.certManager.signal('SIGSTOP');
      const renewal = certfleetInController(cluster, tokens.renewer, 'renew', ...wanted, '--wait');
      try {
        await untilApi('the lane to be full', async () => {
          const { lanes } = await api.json<LanePage>(tokens.viewer, 'lanes');
          const lane = lanes.find(({ key }) => key.endsWith(`/${crowdIssuer}`));
          return lane?.inFlight === scale.lane.maxInFlight && lane.blocked > 0;
        });
        assert.ok((await requests.read()).filter(isOpen).length <= scale.lane.maxInFlight);
      } finally {
        cluster.certManager.signal('SIGCONT');
        output = await renewal;
      }
    });

    test('the command line in the controller’s image follows the renewal to its end', () => {
      const { crowd } = context();
      assert.match(output, new RegExp(`${crowd.length} of ${crowd.length} renewed, 0 failed attempts\\n`));
    });

    test('every pod has the new chain, and always saw a key that matches its certificate', async () => {
      const { reader, crowd } = context();
      await untilIndexIsWhole(context());
      await expectEachOnce(context());
      for (const pod of crowd) {
        const authorities = reader.seenBy(pod).map(({ authority }) => authority);
        assert.deepEqual(authorities, [oldCa, newCa], pod);
      }
      assert.deepEqual(reader.problems, []);
    });

    test('the issuer’s lane kept its rate and its in-flight limit, by the creation times of requests', async () => {
      await expectWithinLane(context());
    });
  });
}
