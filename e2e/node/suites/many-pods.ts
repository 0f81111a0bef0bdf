import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { certificatePod, mountPath } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { applyPodsAndWaitReady } from '../support/pods.ts';

const namespace = 'crowd';

/** Pods that start at once, as from a Deployment that is scaled up, each with so many volumes. */
export function manyPodsSuite(context: GetContext, count: number, volumesOfEach: number): void {
  const names = Array.from({ length: count }, (_, index) => `pod-${index}`);
  const volumes = Array.from({ length: volumesOfEach }, (_, index) => `data-${index}`);
  describe(`${count} pods at once with ${volumesOfEach} volumes each`, () => {
    after(() => context().cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']));

    test('all become Ready, each with certificates of its name', async (t) => {
      const { cluster } = context();
      await cluster.createNamespace(namespace);
      const attributes = { 'common-name': '$POD_NAME' };
      // A container exits unless its certificates exist at its start and have the pod's name.
      const isNamed = (volume: string): string =>
        `openssl x509 -in ${mountPath(volume)}/tls.crt -noout -subject | grep -q "CN = $HOSTNAME$"`;
      const script = [...volumes.map(isNamed), 'exec sleep infinity'].join(' && ');
      const startedAt = performance.now();
      const pods = names.map((name) =>
        certificatePod(name, Object.fromEntries(volumes.map((volume) => [volume, attributes])), {
          namespace,
          script,
          spec: { restartPolicy: 'Never' },
        }),
      );
      await applyPodsAndWaitReady(cluster, pods, 180_000);
      t.diagnostic(
        `${count * volumesOfEach} volumes with an RSA key each, Ready in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
      );
      const running = ['get', 'pods', '-n', namespace, '--field-selector=status.phase=Running', '--output=name'];
      assert.equal((await cluster.kubectl(running)).stdout.trim().split('\n').length, names.length);
    });
  });
}
