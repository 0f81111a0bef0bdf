import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { test } from 'node:test';

import { startApproverPolicy } from '../approver-policy.ts';
import type { Cluster } from '../cluster.ts';
import { createCaIssuer, createSelfSignedIssuer } from '../issuers.ts';
import { createRequest } from '../testing/certificate-request.ts';

/** What every cluster has: the API server, its controllers and cert-manager. */
export function controlPlaneSuite(get: () => Cluster): void {
  test('signs a request with a CA issuer of the namespace', async () => {
    const cluster = get();
    await cluster.createNamespace('signing');
    const issuer = await createCaIssuer(cluster, { name: 'ca', namespace: 'signing' });
    await createRequest(cluster, issuer, { name: 'signed', namespace: 'signing' });
    const { stdout } = await cluster.kubectl([
      ...['wait', '--for=condition=Ready', 'certificaterequest/signed', '-n', 'signing', '--timeout=30s'],
      ...['--output', 'jsonpath={.status.ca}'],
    ]);
    assert.equal(Buffer.from(stdout, 'base64').toString(), issuer.caCertificate);
  });

  test('signs a request with a ClusterIssuer', async () => {
    const cluster = get();
    const issuer = await createSelfSignedIssuer(cluster, { name: 'self-signed' });
    assert.equal(issuer.kind, 'ClusterIssuer');
    const root = await createCaIssuer(cluster, { name: 'cluster-ca' });
    await createRequest(cluster, root, { name: 'by-cluster-issuer', namespace: 'default' });
    await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequest/by-cluster-issuer', '--timeout=30s']);
  });

  test('records the requester', async (t) => {
    const cluster = get();
    if (!cluster.capabilities.components) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    const { stdout } = await cluster.kubectl([
      ...['get', 'certificaterequest', 'by-cluster-issuer', '--output', 'jsonpath={.spec.username}'],
    ]);
    assert.equal(stdout, 'kubernetes-admin');
  });

  test('leaves a request pending without the approver', async (t) => {
    const cluster = get();
    if (!cluster.capabilities.components) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    await cluster.certManager.restart(['--without-approver']);
    const issuer = { name: 'cluster-ca', kind: 'ClusterIssuer' } as const;
    await createRequest(cluster, issuer, { name: 'pending', namespace: 'default' });
    // Signed after the pending request was created, which would have been approved by then.
    await createRequest(cluster, issuer, { name: 'approved', namespace: 'default', approved: true });
    await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequest/approved', '--timeout=30s']);
    const pending = await cluster.kubectl(['get', 'certificaterequest', 'pending', '--output', 'jsonpath={.status}']);
    assert.doesNotMatch(pending.stdout, /"Approved"/);

    await cluster.certManager.restart();
    await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequest/pending', '--timeout=30s']);
  });

  test('keeps its objects when the API server is killed and restarted', async (t) => {
    const cluster = get();
    if (!cluster.capabilities.components) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    await cluster.apiServer.kill('SIGKILL');
    await assert.rejects(cluster.kubectl(['get', 'namespaces']), /refused/);
    await cluster.apiServer.start();
    await cluster.kubectl(['get', 'clusterissuer', 'cluster-ca']);
  });

  test('garbage-collects objects of a deleted owner', async () => {
    const cluster = get();
    await cluster.kubectl(['create', 'configmap', 'owner']);
    const { stdout: uid } = await cluster.kubectl([
      'get',
      'configmap',
      'owner',
      '--output',
      'jsonpath={.metadata.uid}',
    ]);
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'owned', namespace: 'default', ownerReferences },
    });
    await cluster.kubectl(['delete', 'configmap', 'owner']);
    await cluster.kubectl(['wait', '--for=delete', 'configmap/owned', '--timeout=30s']);
  });

  test("is reachable from the test's network", async () => {
    const cluster = get();
    const kubeconfig = await readFile(await cluster.localKubeconfig(), 'utf8');
    assert.match(kubeconfig, /server/);
    if (!cluster.capabilities.node) return;
    const server = new URL('/readyz', /"server":"([^"]+)"/.exec(kubeconfig)?.[1]);
    const field = (name: string): Buffer =>
      Buffer.from(new RegExp(`"${name}":"([^"]+)"`).exec(kubeconfig)?.[1] ?? '', 'base64');
    const status = await new Promise((resolve, reject) => {
      const tls = {
        ca: field('certificate-authority-data'),
        cert: field('client-certificate-data'),
        key: field('client-key-data'),
      };
      request(server, { ...tls, agent: false }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode));
      })
        .once('error', reject)
        .end();
    });
    assert.equal(status, 200);
  });

  test('approver-policy approves requests that a policy allows and denies the others', async (t) => {
    const cluster = get();
    if (!cluster.capabilities.components) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    await cluster.certManager.restart(['--without-approver']);
    const issuer = { name: 'cluster-ca', kind: 'ClusterIssuer' } as const;
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
}
