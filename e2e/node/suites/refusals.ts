import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { certificatePod } from '../support/certificate-pod.ts';
import { followUntil } from '../support/follow.ts';
import type { GetContext } from '../support/node-context.ts';
import { applyPodsAndWaitReady, deletePods, describeWithEvent } from '../support/pods.ts';

const namespace = 'refusals';

/** The output of `kubectl describe pod` for a certificate that is not issued. */
export function refusalSuite(context: GetContext): void {
  describe('kubectl describe pod', () => {
    before(() => context().cluster.createNamespace(namespace));

    test('lists every mistake in the attributes', async () => {
      const { cluster } = context();
      const wrong = { 'common-name': '$POD_NAEM', duration: '-1h', 'key-algorithm': 'DSA', 'is-ca': 'yes' };
      await cluster.apply([certificatePod('mistaken', { data: wrong }, { namespace })]);
      const described = await describeWithEvent(cluster, { name: 'mistaken', namespace }, 'InvalidAttributes');
      assert.match(described, /Warning\s+InvalidAttributes/);
      const known =
        'undefined variable "POD_NAEM", known variables: [NODE_NAME POD_NAME POD_NAMESPACE POD_UID SERVICE_ACCOUNT_NAME]';
      assert.ok(described.includes(known), described);
      for (const name of ['common-name', 'duration', 'key-algorithm', 'is-ca']) {
        assert.match(described, new RegExp(`volumeAttributes.csi.cert-manager.io/${name}: Invalid value`));
      }
      await deletePods(cluster, ['mistaken'], namespace);
    });

    describe('of a pod whose request is not approved', () => {
      before(() => context().cluster.certManager.restart(['--without-approver']));
      after(() => context().cluster.certManager.restart());

      test('shows why the request was denied, and a new pod starts once requests are approved', async () => {
        const { cluster } = context();
        const data = { 'key-algorithm': 'ECDSA', 'common-name': 'denied' };
        const pod = certificatePod('denied', { data }, { namespace });
        await cluster.apply([pod]);
        const watch = ['get', 'certificaterequests', '--watch', '--output=name', '--namespace', namespace];
        const [request = ''] = await followUntil(cluster, watch, (lines) => lines.length > 0);
        const denial = { type: 'Denied', status: 'True', reason: 'Policy', message: 'no names of that kind here' };
        const patch = JSON.stringify({ status: { conditions: [denial] } });
        const args = ['patch', request, '--namespace', namespace, '--subresource=status', '--type=merge'];
        await cluster.kubectl([...args, '--patch', patch]);
        const described = await describeWithEvent(cluster, { name: 'denied', namespace }, 'RequestDenied');
        assert.match(described, /Warning\s+RequestDenied\s.*no names of that kind here/);
        assert.match(described, /Warning\s+FailedMount\s.*no names of that kind here/);
        await cluster.certManager.restart();
        // The agent repeats the request of the same volume after an hour; a new pod's volume requests at once.
        await deletePods(cluster, ['denied'], namespace);
        await applyPodsAndWaitReady(cluster, [pod]);
      });
    });
  });
}
