import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { certificatePod } from '../support/certificate-pod.ts';
import type { GetContext } from '../support/node-context.ts';
import { applyPodsAndWaitReady } from '../support/pods.ts';

const namespace = 'crowd';

/** Pods that start at once, as from a Deployment that is scaled up. */
export function manyPodsSuite(context: GetContext, count: number): void {
  const names = Array.from({ length: count }, (_, index) => `pod-${index}`);
  describe(`${count} pods at once`, () => {
    after(() => context().cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']));

    test('all become Ready, each with a certificate of its name', async (t) => {
      const { cluster } = context();
      await cluster.createNamespace(namespace);
      const attributes = { 'common-name': '$POD_NAME' };
      // A container exits unless its certificate exists at its start and has the pod's name.
      const script =
        'openssl x509 -in /certs/data/tls.crt -noout -subject | grep -q "CN = $HOSTNAME$" && exec sleep infinity';
      const startedAt = performance.now();
      const pods = names.map((name) =>
        certificatePod(name, { data: attributes }, { namespace, script, spec: { restartPolicy: 'Never' } }),
      );
      await applyPodsAndWaitReady(cluster, pods, 180_000);
      t.diagnostic(
        `${count} pods with an RSA key each, Ready in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
      );
      const running = ['get', 'pods', '-n', namespace, '--field-selector=status.phase=Running', '--output=name'];
      assert.equal((await cluster.kubectl(running)).stdout.trim().split('\n').length, names.length);
    });
  });
}
