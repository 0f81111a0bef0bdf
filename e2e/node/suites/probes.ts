import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { waitUntil } from '../../cluster/wait.ts';
import { certificatePod, mountPath } from '../support/certificate-pod.ts';
import { followLog } from '../support/follow.ts';
import type { GetContext } from '../support/node-context.ts';
import { execInPod, readFiles, textOf } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods, describeWithEvent } from '../support/pods.ts';
import { releaseNamespace, type Values } from '../support/release.ts';

const directory = mountPath('data');
const attributes = {
  'key-algorithm': 'ECDSA',
  'common-name': 'served',
  'probe-port': '8443',
  'reload-marker-file': 'reload',
};
const server = `openssl s_server -www -quiet -accept 8443 -cert ${directory}/tls.crt -key ${directory}/tls.key`;

/** A server that starts again whenever the marker file changes, once it is allowed to. */
const serving = `
  ${server} & last=$(cat ${directory}/reload)
  while :; do
    now=$(cat ${directory}/reload)
    if [ "$now" != "$last" ] && [ -e /tmp/reloads ]; then
      kill $!; wait; last=$now; ${server} & echo "loaded $now"
    fi
    usleep 100000
  done`;

/** Its server has a tenth of the lifetime to load a renewed certificate. */
const good = { name: 'reloads', duration: '30s' };
const bad = { name: 'never-reloads', duration: '20s' };
const silent = { name: 'without-server', duration: '24h' };

/** The agent's values for this suite. */
export const probeValues: Values = { 'app.driver.probe.enabled': true, 'app.driver.probe.interval': '10s' };

/** What pods really serve. */
export function probeSuite(context: GetContext): void {
  describe('with probes', () => {
    before(async () => {
      const pod = ({ name, duration }: typeof good, script: string): object =>
        certificatePod(name, { data: { ...attributes, duration } }, { script });
      const pods = [pod(good, `touch /tmp/reloads; ${serving}`), pod(bad, serving), pod(silent, 'exec sleep infinity')];
      await applyPodsAndWaitReady(context().cluster, pods);
    });

    test('a server that loads its files at a change of the marker file serves each renewed certificate', async () => {
      const { cluster } = context();
      const loaded = await followLog(cluster, good, (lines) => lines.length >= 2);
      assert.equal(new Set(loaded).size, loaded.length);
      const files = await readFiles(cluster, good, 'data');
      assert.equal(files.get('reload')?.mode, '440');
      assert.match(textOf(files, 'reload'), /^(?:[0-9a-f]{64}\n){2}$/);
    });

    test('a server that does not is reported on its pod, and no other pod is', async () => {
      const { cluster } = context();
      const described = await describeWithEvent(cluster, bad, 'CertificateNotLoaded');
      assert.match(
        described,
        /Warning\s+CertificateNotLoaded\s.*port 8443 serves another certificate than the volume's since \S+Z: the server must reload/,
      );
      const path = 'jsonpath={.items[*].involvedObject.name}';
      const selector = ['--field-selector=reason=CertificateNotLoaded', '--all-namespaces', `--output=${path}`];
      const { stdout } = await cluster.kubectl(['get', 'events', ...selector]);
      assert.deepEqual([...new Set(stdout.split(' '))], [bad.name]);
      await untilCounted(context, { served: 1, 'not-loaded': 1, unknown: 1 });
    });

    test('a server that reloads at last is served, and a pod that is gone is not counted', async () => {
      const { cluster } = context();
      await execInPod(cluster, bad, 'touch /tmp/reloads');
      await untilCounted(context, { served: 2, 'not-loaded': 0, unknown: 1 });
      await deletePods(cluster, [good.name, bad.name, silent.name]);
      await untilCounted(context, { served: 0, 'not-loaded': 0, unknown: 0 });
    });
  });
}

/** Waits until the agent's metric shows these numbers of volumes. */
async function untilCounted(context: GetContext, counts: Readonly<Record<string, number>>): Promise<void> {
  const { cluster, agent } = context();
  const { metadata } = await agent.pod();
  const path = `/api/v1/namespaces/${releaseNamespace}/pods/${metadata.name}:9402/proxy/metrics`;
  const isShown = async (): Promise<boolean> => {
    const { stdout } = await cluster.kubectl(['get', '--raw', path]);
    return Object.entries(counts).every(([state, count]) =>
      stdout.includes(`certfleet_agent_probed_volumes{state="${state}"} ${count}\n`),
    );
  };
  await waitUntil(`volumes ${JSON.stringify(counts)}`, isShown, { timeoutMs: 90_000, intervalMs: 500 });
}
