import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { certificatePod, mountPath } from '../support/certificate-pod.ts';
import { followLog, followUntil } from '../support/follow.ts';
import type { GetContext } from '../support/node-context.ts';
import { applyPodsAndWaitReady, deletePods, describeWithEvent, getPod } from '../support/pods.ts';
import type { Values } from '../support/release.ts';

const attributes = { 'key-algorithm': 'ECDSA', 'common-name': 'reload', duration: '10s', 'reload-signal': 'SIGHUP' };
const link = `${mountPath('data')}/..data`;
const example = join(import.meta.dirname, '../../../examples/deployment-with-reload-signal.yaml');

/** Prints the files in use at the start and at each SIGHUP. */
const trapping = `used() { readlink ${link}; }; trap used HUP; used; while :; do usleep 100000; done`;
/** Has no handler, and a child that has one but is not process 1. */
const ignoring = `sh -c 'trap "echo child" HUP; while :; do usleep 100000; done' & while :; do usleep 100000; done`;

/** The agent's values for this suite. */
export const reloadValues: Values = { 'app.driver.reloadSignals.enabled': true };

/** Signals after renewals, to real containers. */
export function reloadSuite(context: GetContext): void {
  describe('with signals', { concurrency: true }, () => {
    describe('pods', { concurrency: 1 }, () => {
      before(async () => {
        const side = { name: 'side', image: 'busybox', imagePullPolicy: 'IfNotPresent' };
        const shared = { shareProcessNamespace: true };
        await applyPodsAndWaitReady(context().cluster, [
          certificatePod('traps', { data: attributes }, { script: trapping }),
          certificatePod('ignores', { data: attributes }, { script: ignoring }),
          certificatePod('shares', { data: attributes }, { script: trapping, spec: shared }),
          certificatePod('names', { data: { ...attributes, 'reload-containers': side.name } }, { script: trapping }),
        ]);
      });

      test('process 1 of a container gets the signal after each renewal, when the new files are there', async () => {
        const lines = await followLog(context().cluster, { name: 'traps' }, (soFar) => soFar.length >= 3);
        assert.equal(new Set(lines).size, 3, lines.join('\n'));
      });

      test('a program without a handler keeps running, and no other process of the container is signalled', async () => {
        const { cluster } = context();
        // Its first renewal was before the second one of the pod above, which has got that signal.
        await describeWithEvent(cluster, { name: 'ignores' }, 'Renewed');
        const { status } = await getPod(cluster, { name: 'ignores', namespace: 'apps' });
        assert.deepEqual(
          status.containerStatuses?.map(({ restartCount, ready }) => [restartCount, ready]),
          [[0, true]],
        );
        assert.equal((await cluster.kubectl(['logs', 'ignores', '--namespace', 'apps'])).stdout, '');
      });

      test('a signal that cannot be sent is an Event of the pod, which keeps its renewals', async () => {
        const { cluster } = context();
        const described = await describeWithEvent(cluster, { name: 'names', namespace: 'apps' }, 'ReloadFailed');
        assert.match(
          described,
          /SIGHUP after a change of the files failed: reload-containers: the pod has no container side/,
        );
        await describeWithEvent(cluster, { name: 'names', namespace: 'apps' }, 'Renewed');
        const shared = await describeWithEvent(cluster, { name: 'shares', namespace: 'apps' }, 'ReloadFailed');
        assert.match(shared, /found no process 1 of container main on the node: the pod shares a PID namespace/);
        await deletePods(cluster, ['traps', 'ignores', 'shares', 'names']);
      });
    });

    test('deployment-with-reload-signal.yaml loads its files at each renewal', async () => {
      const { cluster } = context();
      const manifest = await readFile(example, 'utf8');
      // The same file with a shorter lifetime, so that a renewal happens during the test, and with the test's issuer.
      await cluster.apply(manifest.replace('duration: 24h', 'duration: 10s').replace('name: ca\n', 'name: test-ca\n'));
      const deployment = 'deployment/deployment-with-reload-signal';
      await cluster.kubectl(['rollout', 'status', deployment, '--timeout=60s']);
      const lines = await followUntil(cluster, ['logs', '--follow', deployment], (soFar) => soFar.length >= 2);
      for (const line of lines) assert.match(line, /^loaded \.\./);
      assert.notEqual(lines[0], lines[1]);
      await cluster.kubectl(['delete', deployment, '--wait', '--timeout=60s']);
    });
  });
}
