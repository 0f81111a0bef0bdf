import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startApproverPolicy } from '../../cluster/approver-policy.ts';
import { createCaIssuer } from '../../cluster/issuers.ts';
import type { ManagedComponent } from '../../cluster/types.ts';
import { certificatePod, watchScript } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { extension, opensslX509 } from '../support/openssl.ts';
import { execInPod } from '../support/pod-files.ts';
import { readApi, resources } from '../support/api-reader.ts';
import { applyPodsAndWaitReady, describeWithEvent, getPod, requestsOf, waitReady } from '../support/pods.ts';
import { seenBy } from './renewals.ts';

const example = resolve(import.meta.dirname, '../../../examples/token-request');
const namespace = 'shop';

/** Requests as the pod's own service account, judged by the real approver-policy. Changes the release. */
export function tokenRequestSuite(context: GetContext): void {
  describe('in token-request mode, with the policies of examples/token-request', () => {
    let approverPolicy: ManagedComponent | undefined;
    before(async () => {
      const { cluster, agent } = context();
      await cluster.certManager.restart(['--without-approver']);
      approverPolicy = await startApproverPolicy(cluster);
      await createCaIssuer(cluster, { name: 'ca' });
      await agent.install({ 'app.driver.useTokenRequest': true, 'app.driver.issuanceTimeout': '5s' });
      await cluster.apply(await readFile(join(example, 'policy.yaml'), 'utf8'));
      await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequestpolicies', '--all', '--timeout=30s']);
      await cluster.kubectl(['wait', '--for=create', 'serviceaccount/default', '-n', namespace, '--timeout=30s']);
      await cluster.apply(await readFile(join(example, 'pods.yaml'), 'utf8'));
    });
    after(async () => {
      await approverPolicy?.stop();
      await context().cluster.certManager.restart();
    });

    test('the kubelet passes tokens as secrets, not as attributes', async () => {
      const driver = { resource: resources.csiDrivers, name: 'csi.cert-manager.io' };
      const { spec } = await readApi<{ readonly spec: Record<string, unknown> }>(context().cluster, driver);
      assert.equal(spec['serviceAccountTokenInSecrets'], true);
    });

    test('a pod gets the name of its service account, with a request that the account created', async () => {
      const { cluster } = context();
      await waitReady(cluster, { names: ['web'], namespace });
      const x509 = await opensslX509(await execInPod(cluster, { name: 'web', namespace }, 'cat /tls/tls.crt'));
      assert.equal(extension(x509, 'Subject Alternative Name'), 'DNS:web.shop');
      const [request] = await requestsOf(cluster, await getPod(cluster, { name: 'web', namespace }));
      assert.equal(request?.spec.username, 'system:serviceaccount:shop:web');
    });

    test('is refused the name of another service account', async () => {
      const described = await describeWithEvent(context().cluster, { name: 'impostor', namespace }, 'RequestDenied');
      assert.match(described, /RequestDenied\s.*a pod may have no name but its own SERVICE_ACCOUNT.NAMESPACE/);
    });

    test('another service account is refused even its own name', async () => {
      const described = await describeWithEvent(context().cluster, { name: 'worker', namespace }, 'RequestDenied');
      assert.match(described, /RequestDenied\s.*nothing-else/);
      assert.doesNotMatch(described, /own-service-account/);
    });

    test('renewals are also requested as the service account', async () => {
      const { cluster } = context();
      const attributes = { 'issuer-name': 'ca', 'dns-names': '$SERVICE_ACCOUNT_NAME.$POD_NAMESPACE', duration: '10s' };
      const options = { namespace, script: watchScript('data'), spec: { serviceAccountName: 'web' } };
      await applyPodsAndWaitReady(cluster, [certificatePod('renewed', { data: attributes }, options)]);
      await seenBy(context, { name: 'renewed', namespace }, 2);
      for (const { spec } of await requestsOf(cluster, await getPod(cluster, { name: 'renewed', namespace }))) {
        assert.equal(spec.username, 'system:serviceaccount:shop:web');
      }
    });

    test('a pod shows which permission its service account lacks', async () => {
      const { cluster } = context();
      await cluster.apply([certificatePod('powerless', { data: { 'issuer-name': 'ca', 'common-name': 'x' } })]);
      const described = await describeWithEvent(cluster, { name: 'powerless' }, 'RequestForbidden');
      assert.match(
        described,
        /RequestForbidden\s.*missing permission to create certificaterequests.cert-manager.io in namespace apps/,
      );
    });

    test('a pod shows why it waits when no policy applies to its request', async () => {
      const { cluster } = context();
      const waiting = 'waiting';
      await cluster.createNamespace(waiting);
      await cluster.kubectl([
        'create',
        'role',
        'ask',
        '--verb=create',
        '--resource=certificaterequests.cert-manager.io',
        '-n',
        waiting,
      ]);
      await cluster.kubectl([
        'create',
        'rolebinding',
        'ask',
        '--role=ask',
        `--serviceaccount=${waiting}:default`,
        '-n',
        waiting,
      ]);
      const attributes = { 'issuer-name': 'ca', 'common-name': 'x' };
      await cluster.apply([certificatePod('unheard', { data: attributes }, { namespace: waiting })]);
      const described = await describeWithEvent(cluster, { name: 'unheard', namespace: waiting }, 'RequestUnapproved');
      assert.match(described, /RequestUnapproved\s.*request waiting\/\S+ is still pending: not approved yet/);
    });
  });
}
