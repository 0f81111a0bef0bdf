import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApproverPolicy } from './approver-policy.ts';
import { startCluster } from './cluster.ts';
import { createCaIssuer } from './issuers.ts';
import { createRequest } from './testing/certificate-request.ts';

test('approver-policy approves requests that a policy allows and denies the others', async (t) => {
  await using cluster = await startCluster({ nodes: 'control-plane', certManager: { approver: false } });
  if (!cluster.capabilities.certManagerOptions) {
    t.skip(cluster.capabilities.reason);
    return;
  }
  const issuer = await createCaIssuer(cluster, { name: 'ca' });
  await startApproverPolicy(cluster);
  const policy = (name: string, commonName: string): object => ({
    apiVersion: 'policy.cert-manager.io/v1alpha1',
    kind: 'CertificateRequestPolicy',
    metadata: { name },
    spec: { selector: { issuerRef: {} }, allowed: { commonName: { value: commonName } } },
  });
  const condition = (type: string, request: string): Promise<unknown> =>
    cluster.kubectl(['wait', `--for=condition=${type}`, `certificaterequest/${request}`, '--timeout=30s']);

  await cluster.apply(policy('others', 'somebody-else'));
  await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequestpolicy/others', '--timeout=30s']);
  await createRequest(cluster, issuer, { name: 'denied', namespace: 'default' });
  await condition('Denied', 'denied');

  await cluster.apply(policy('test', 'test'));
  await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequestpolicy/test', '--timeout=30s']);
  await createRequest(cluster, issuer, { name: 'allowed', namespace: 'default' });
  await condition('Ready', 'allowed');
  const { stdout } = await cluster.kubectl(['get', 'certificaterequest', 'denied', '--output', 'jsonpath={.status}']);
  assert.match(stdout, /policy\.cert-manager\.io/);
});
