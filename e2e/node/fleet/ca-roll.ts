import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';

import type { LanePage } from '../../../libs/operator-api/src/lanes.ts';
import { createCaIssuer } from '../../cluster/issuers.ts';
import { certfleetInController } from './fleet-api.ts';
import { crowd, crowdIssuer, crowdLane, type GetFleet } from './fleet-context.ts';
import { expectEachOnce, untilApi, untilIndexIsWhole } from './fleet-state.ts';
import { loggedRequests, maxAtOnce, tooFast, type LoggedRequest } from './request-log.ts';

/** The way from a lane's script to the API server takes one request longer than another by so much at most. */
const toleranceMs = 1_000;

/** Checks that the renewals of the crowd were never more, or faster, than its lane allows. */
export async function expectWithinLane(auditLog: string): Promise<void> {
  const isRenewal = ({ issuer, generation }: LoggedRequest): boolean => issuer === crowdIssuer && generation > 1;
  const renewals = (await loggedRequests(auditLog)).filter(isRenewal);
  const starts = renewals.map(({ createdAtMs }) => createdAtMs);
  assert.deepEqual(tooFast(starts, crowdLane, toleranceMs), []);
  assert.ok(maxAtOnce(renewals) <= crowdLane.maxInFlight, `${maxAtOnce(renewals)} at once`);
}

const isOpen = ({ issuer, signedAtMs }: LoggedRequest): boolean => issuer === crowdIssuer && signedAtMs === undefined;

/** An issuer gets another CA, and what the old one signed is replaced. */
export function caRollSuite(context: GetFleet): void {
  describe('a CA that is rolled under fifty pods', () => {
    const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;
    let [oldCa, newCa, output] = ['', '', ''];

    before(async () => {
      const { cluster, auditLog, tokens, firstCrowdCa, api } = context();
      oldCa = fingerprintOf(firstCrowdCa.caCertificate);
      const wanted = ['--ca-fingerprint', oldCa.replaceAll(':', '').toLowerCase(), '--reason', 'CA rolled'];
      const preview = await api.json<{ readonly count: number }>(tokens.renewer, 'renew', ...wanted, '--dry-run');
      assert.equal(preview.count, crowd.length);
      newCa = fingerprintOf((await createCaIssuer(cluster, { name: crowdIssuer })).caCertificate);

      // While the issuer does not answer, the lane fills to its limit.
      cluster.certManager.signal('SIGSTOP');
      const renewal = certfleetInController(cluster, tokens.renewer, 'renew', ...wanted, '--wait');
      try {
        await untilApi('the lane to be full', async () => {
          const { lanes } = await api.json<LanePage>(tokens.viewer, 'lanes');
          const lane = lanes.find(({ key }) => key.endsWith(`/${crowdIssuer}`));
          return lane?.inFlight === crowdLane.maxInFlight && lane.blocked > 0;
        });
        assert.ok((await loggedRequests(auditLog)).filter(isOpen).length <= crowdLane.maxInFlight);
      } finally {
        cluster.certManager.signal('SIGCONT');
        output = await renewal;
      }
    });

    test('the command line in the controller’s image follows to the end', () => {
      assert.match(output, new RegExp(`${crowd.length} of ${crowd.length} renewed, 0 failed tries\\n$`));
    });

    test('every pod has the new chain, and saw a key that fits its certificate at every moment', async () => {
      const { reader } = context();
      await untilIndexIsWhole(context());
      await expectEachOnce(context());
      for (const pod of crowd) {
        const authorities = reader.seenBy(pod).map(({ authority }) => authority);
        assert.deepEqual(authorities, [oldCa, newCa], pod);
      }
      assert.deepEqual(reader.problems, []);
    });

    test('the issuer’s lane kept its rate and its places, by the times at which requests were made', async () => {
      await expectWithinLane(context().auditLog);
    });
  });
}
