import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { certificatePod } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { applyPodsAndWaitReady, deletePods, getPod, requestsOf } from '../support/pods.ts';
import { seenBy, seenSoFar, watchingPods } from './renewals.ts';

/** Stops and restarts the agent while pods run. Needs the watching pods of the renewal suite, and deletes them. */
export function interruptionSuite(context: GetContext): void {
  describe('running pods', () => {
    // Two of them are renewed every few seconds.
    after(() =>
      deletePods(
        context().cluster,
        Object.values(watchingPods).map(({ name }) => name),
      ),
    );

    /** The number of issuances of the short certificate, and all requests of the lasting one. */
    const issuances = async (): Promise<{ short: number; lasting: unknown; requests: readonly string[] }> => {
      const lasting = await seenSoFar(context, watchingPods.lasting);
      const { length: short } = await seenSoFar(context, watchingPods.fresh);
      const pod = await getPod(context().cluster, watchingPods.lasting);
      const requests = (await requestsOf(context().cluster, pod)).map(({ metadata }) => metadata.name);
      return { short, lasting, requests };
    };

    const interruptions: readonly (readonly [string, () => Promise<void>])[] = [
      ['is killed', () => context().agent.kill()],
      ['is restarted', () => context().agent.roll()],
    ];
    for (const [name, interrupt] of interruptions) {
      describe(`whose agent ${name}`, () => {
        let earlier: Awaited<ReturnType<typeof issuances>>;
        before(async () => {
          earlier = await issuances();
          await interrupt();
        });

        test('keep the certificate that is not due, and its request', async () => {
          // Two more renewals: unnecessary issuances of a start would have happened by then.
          await seenBy(context, watchingPods.fresh, earlier.short + 2);
          const later = await issuances();
          assert.deepEqual(later.lasting, earlier.lasting);
          assert.deepEqual(later.requests, earlier.requests);
        });

        test('see renewals of the other certificates continue', async () => {
          const seen = await seenBy(context, watchingPods.reused, earlier.short + 2);
          assert.equal(new Set(seen.map(({ key }) => key)).size, 1);
          for (const pod of Object.values(watchingPods)) {
            const { status } = await getPod(context().cluster, pod);
            assert.equal(status.containerStatuses?.[0]?.restartCount, 0, pod.name);
          }
        });

        test('do not prevent new pods from starting', async () => {
          const pod = certificatePod(`after-it-${name.replace('is ', '')}`, {
            data: { 'key-algorithm': 'ECDSA', 'common-name': 'new' },
          });
          await applyPodsAndWaitReady(context().cluster, [pod]);
        });
      });
    }
  });
}
