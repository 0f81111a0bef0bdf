import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startCluster, type Cluster } from './cluster.ts';
import { createCaIssuer } from './issuers.ts';
import { startLocalCluster } from './start-local.ts';
import { createRequest } from './testing/certificate-request.ts';

describe('cluster of CERTFLEET_E2E_KUBECONFIG', () => {
  const given = process.env['CERTFLEET_E2E_KUBECONFIG'];
  let owner: Cluster;
  before(async () => {
    // An external cluster: the tests only get its kubeconfig.
    owner = await startLocalCluster({ nodes: 'control-plane', certManager: false });
    process.env['CERTFLEET_E2E_KUBECONFIG'] = await owner.localKubeconfig();
  });
  after(async () => {
    if (given === undefined) delete process.env['CERTFLEET_E2E_KUBECONFIG'];
    else process.env['CERTFLEET_E2E_KUBECONFIG'] = given;
    await owner.stop();
  });

  test('gets a cert-manager if it has none, which is removed afterwards', async () => {
    const cluster = await startCluster({ nodes: 'full' });
    try {
      assert.equal(cluster.capabilities.certManagerOptions, true);
      const issuer = await createCaIssuer(cluster, { name: 'external-ca' });
      await createRequest(cluster, issuer, { name: 'external', namespace: 'default' });
      await cluster.kubectl(['wait', '--for=condition=Ready', 'certificaterequest/external', '--timeout=30s']);
    } finally {
      await cluster.stop();
    }
    const { stdout } = await owner.kubectl(['get', 'crd', '--output', 'name']);
    assert.equal(stdout, '');
  });

  test('gets it a second time, with the objects that the first run left', async () => {
    await using cluster = await startCluster({ nodes: 'full', certManager: { approver: false } });
    await createCaIssuer(cluster, { name: 'external-ca' });
  });

  test('reports unsupported operations', async () => {
    await using cluster = await startCluster({ nodes: 'full', certManager: false });
    const { components, node, images, reason } = cluster.capabilities;
    assert.deepEqual({ components, node, images }, { components: false, node: false, images: false });
    await assert.rejects(cluster.apiServer.kill(), new RegExp(reason));
    await assert.rejects(cluster.buildImages([{ tag: 'none', context: '.' }]), new RegExp(reason));
    await assert.rejects(cluster.exec('true', []), new RegExp(reason));
    assert.throws(() => cluster.logs('etcd'), new RegExp(reason));
    assert.deepEqual(cluster.enterNamespace, []);
  });
});
