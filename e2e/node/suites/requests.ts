import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { idHash } from '../../../apps/node-agent/src/spec/volume-labels.ts';
import { certificatePod } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { volumeIdOf } from '../support/node-state.ts';
import { applyPodsAndWaitReady, getPod, requestsOf } from '../support/pods.ts';
import type { CertificateRequestObject, PodObject } from '../support/pods.ts';

const ecdsa = { 'key-algorithm': 'ECDSA' };

/** The CertificateRequests of a pod's volumes. */
export function requestSuite(context: GetContext): void {
  describe('a pod’s certificate requests', () => {
    let pod: PodObject;
    let requests: readonly CertificateRequestObject[];

    before(async () => {
      const { cluster } = context();
      const volumes = {
        annotated: { ...ecdsa, 'common-name': 'a', 'example.com/team': 'payments', 'example.com/ticket': 'Ü-1' },
        plain: { ...ecdsa, 'common-name': 'b', duration: '90m' },
      };
      await applyPodsAndWaitReady(cluster, [certificatePod('requests', volumes)]);
      pod = await getPod(cluster, { name: 'requests' });
      requests = await requestsOf(cluster, pod);
    });

    const requestFor = (volume: string): CertificateRequestObject => {
      const hash = idHash(volumeIdOf(pod, volume));
      const found = requests.filter(({ metadata }) => metadata.labels['csi.cert-manager.io/volume-id-hash'] === hash);
      assert.equal(found.length, 1, `expected one request for volume ${volume}`);
      const [request] = found;
      assert.ok(request);
      return request;
    };

    test('are one per volume, labelled with the hashes of volume and node', () => {
      assert.equal(requests.length, 2);
      const node = idHash(context().cluster.nodeName);
      for (const volume of ['annotated', 'plain']) {
        assert.equal(requestFor(volume).metadata.labels['csi.cert-manager.io/node-id-hash'], node);
      }
    });

    test('have attributes of other groups as annotations', () => {
      const { annotations = {} } = requestFor('annotated').metadata;
      assert.equal(annotations['example.com/team'], 'payments');
      assert.equal(annotations['example.com/ticket'], 'Ü-1');
      assert.ok(!('example.com/team' in (requestFor('plain').metadata.annotations ?? {})));
    });

    test('are owned by the pod only, so that the garbage collector deletes them with it', () => {
      for (const { metadata } of requests) {
        const { name, uid } = pod.metadata;
        assert.deepEqual(metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Pod', name, uid }]);
      }
    });

    test("are created by the agent, for the lifetime of the volume's attributes", () => {
      assert.equal(requestFor('plain').spec.username, 'system:serviceaccount:certfleet:certfleet');
      assert.equal(requestFor('plain').spec.duration, '1h30m0s');
      assert.equal(requestFor('annotated').spec.duration, '720h0m0s');
    });
  });
}
