import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { certificatePod, defaultNamespace, watchScript } from '../support/certificate-pod.ts';
import { followLog } from '../support/follow.ts';
import type { GetContext } from '../support/node-context.ts';
import type { PodRef } from '../support/pod-files.ts';
import { describeWithEvent, getPod, requestsOf, waitReady } from '../support/pods.ts';

const short = { 'key-algorithm': 'ECDSA', 'common-name': 'short', duration: '10s' };

/** Pods that log every certificate they find: two that are renewed every few seconds, and one that must not be. */
export const watchingPods = {
  fresh: { name: 'renewed-fresh' },
  reused: { name: 'renewed-reused' },
  lasting: { name: 'lasting' },
};

/** A certificate logged by a watching pod. */
interface SeenCertificate {
  readonly serial: string;
  readonly key: string;
}

/** The certificates that a watching pod has logged so far. */
export async function seenSoFar(context: GetContext, pod: PodRef): Promise<readonly SeenCertificate[]> {
  const { stdout } = await context().cluster.kubectl([
    'logs',
    pod.name,
    '--namespace',
    pod.namespace ?? defaultNamespace,
  ]);
  return stdout.trimEnd().split('\n').map(parseSeen);
}

/** The same, once there are at least `count`. */
export async function seenBy(context: GetContext, pod: PodRef, count: number): Promise<readonly SeenCertificate[]> {
  return (await followLog(context().cluster, pod, (lines) => lines.length >= count, 90_000)).map(parseSeen);
}

function parseSeen(line: string): SeenCertificate {
  const [, serial = '', key = '', match] = /^serial=(\S+) key=(\S+) (\w+)$/.exec(line) ?? [];
  assert.equal(match, 'matching', line);
  return { serial, key };
}

/** Renewals as seen by a program in the pod. */
export function renewalSuite(context: GetContext): void {
  describe('a certificate of ten seconds', () => {
    before(async () => {
      const watching = ({ name }: PodRef, attributes: Readonly<Record<string, string>>): object =>
        certificatePod(name, { watched: attributes }, { script: watchScript('watched') });
      await context().cluster.apply([
        watching(watchingPods.fresh, short),
        watching(watchingPods.reused, { ...short, 'reuse-private-key': 'true' }),
        watching(watchingPods.lasting, { ...short, 'common-name': 'lasting', duration: '24h' }),
      ]);
      await waitReady(context().cluster, { names: Object.values(watchingPods).map(({ name }) => name) });
    });

    test('is renewed with a new key and always matching files while the container runs', async () => {
      const seen = await seenBy(context, watchingPods.fresh, 4);
      assert.equal(new Set(seen.map(({ serial }) => serial)).size, seen.length);
      assert.equal(new Set(seen.map(({ key }) => key)).size, seen.length);
      const { status } = await getPod(context().cluster, watchingPods.fresh);
      assert.equal(status.containerStatuses?.[0]?.restartCount, 0);
    });

    test('is renewed with the same key when the volume reuses it', async () => {
      const seen = await seenBy(context, watchingPods.reused, 4);
      assert.equal(new Set(seen.map(({ serial }) => serial)).size, seen.length);
      assert.equal(new Set(seen.map(({ key }) => key)).size, 1);
    });

    test('leaves one request, regardless of the number of renewals', async () => {
      const { cluster } = context();
      const pod = await getPod(cluster, watchingPods.fresh);
      // The old request is deleted just after the new certificate is stored: at most two exist.
      assert.ok((await requestsOf(cluster, pod)).length <= 2);
      const lasting = await getPod(cluster, watchingPods.lasting);
      assert.equal((await requestsOf(cluster, lasting)).length, 1);
    });

    test('reports its renewals on the pod', async () => {
      const described = await describeWithEvent(context().cluster, watchingPods.fresh, 'Renewed');
      assert.match(described, /Normal\s+Renewed\s.*certificate from ClusterIssuer test-ca is valid until/);
    });
  });
}
