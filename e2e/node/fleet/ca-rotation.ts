import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import type { Rotation } from '../../../libs/operator-api/src/rotations.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { createCa, createCaIssuer } from '../../cluster/issuers.ts';
import { mountPath } from '../support/certificate-pod.ts';
import { certificatePod, defaultNamespace } from '../support/certificate-pod.ts';
import { execInPod } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods, get, getPod } from '../support/pods.ts';
import type { PodObject } from '../support/pods.ts';
import { crowd, crowdIssuer, type GetFleet } from './fleet-context.ts';
import { untilApi, untilIndexIsWhole } from './fleet-state.ts';
import { MutualTls } from './mutual-tls.ts';
import { mountedVolume, readPayload } from './volume-reader.ts';

const rotation = 'crowd-2027';
const directory = mountPath('data');
const server = `openssl s_server -www -quiet -accept 8443 -cert ${directory}/tls.crt -key ${directory}/tls.key`;
/** A server that loads its files only when it is told to. */
const stubborn = { name: 'stubborn-server', script: `while :; do ${server} & wait $!; done` };
const restartServer = 'killall openssl';

/** Two workloads beside the pods of the crowd. */
const deployments = ['shop', 'billing'] as const;
const replicas = 5;

function deployment(name: string): object {
  const attributes = { 'issuer-name': crowdIssuer, 'key-algorithm': 'ECDSA', 'common-name': name };
  const { spec } = certificatePod(name, { data: attributes }) as { readonly spec: object };
  const labels = { app: name };
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: defaultNamespace } },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

/** The used fields of a CARotation. */
interface RotationObject {
  readonly status?: {
    readonly phase?: string;
    readonly waitingFor?: string;
    readonly blocking?: { readonly volumes?: readonly { readonly pod: string }[] };
  };
}

/** Replaces an issuer's CA by a CARotation, while all pods connect to each other. */
export function caRotationSuite(context: GetFleet): void {
  describe('a CARotation of sixty pods of several workloads that verify each other', () => {
    const mutualTls = new MutualTls();
    let [oldRoot, newRoot] = ['', ''];
    let pods: readonly PodObject[] = [];
    let switchIssuer: () => Promise<unknown>;

    const status = async (): Promise<NonNullable<RotationObject['status']>> =>
      (await get<RotationObject>(context().cluster, `carotation/${rotation}`)).status ?? {};
    const untilPhase = (phase: string, waitingFor?: string): Promise<void> =>
      untilApi(
        `phase ${phase} ${waitingFor ?? ''}`,
        async () => {
          const now = await status();
          return now.phase === phase && (waitingFor === undefined || now.waitingFor === waitingFor);
        },
        300_000,
      );
    /** The roots in each pod's CA file, without repetitions. */
    const rootsOf = async (): Promise<readonly string[]> => {
      const { cluster } = context();
      const files = await Promise.all(
        pods.map(async ({ metadata: { name } }) => {
          const [, , ca] = await readPayload(cluster.nodePath(mountedVolume(await getPod(cluster, { name }))));
          return [...fingerprintsIn(ca.toString())].sort().join();
        }),
      );
      return [...new Set(files)];
    };

    before(async () => {
      const { cluster } = context();
      const attributes = { 'issuer-name': crowdIssuer, 'key-algorithm': 'ECDSA', 'common-name': stubborn.name };
      await applyPodsAndWaitReady(cluster, [
        certificatePod(stubborn.name, { data: { ...attributes, 'probe-port': '8443' } }, { script: stubborn.script }),
      ]);
      await cluster.apply(deployments.map(deployment));
      for (const name of deployments)
        await cluster.kubectl(['rollout', 'status', `deployment/${name}`, '-n', defaultNamespace, '--timeout=180s']);
      pods = [
        ...(await Promise.all(crowd.map((name) => getPod(cluster, { name })))),
        ...(await podsOf(cluster, deployments)),
      ];
      assert.equal(pods.length, 60);
      await untilIndexIsWhole(context());
      const [first] = pods;
      assert.ok(first);
      const [, , oldCa] = await readPayload(cluster.nodePath(mountedVolume(first)));
      const newCa = await createCa(rotation);
      switchIssuer = () => createCaIssuer(cluster, { name: crowdIssuer }, newCa);
      [oldRoot, newRoot] = [...fingerprintsIn(oldCa.toString()), ...fingerprintsIn(newCa.certificate)] as [
        string,
        string,
      ];
      await mutualTls.start(cluster, pods);
      await cluster.apply({
        apiVersion: 'certfleet.io/v1alpha1',
        kind: 'CARotation',
        metadata: { name: rotation },
        spec: {
          reason: 'the CA expires',
          from: { certificate: oldCa.toString() },
          to: { certificate: newCa.certificate },
        },
      });
    });
    after(() => mutualTls.stop());

    test('lets every pod trust both CAs before the issuer signs with the new one', async () => {
      await untilPhase('Reissue', 'IssuerNotSwitched');
      assert.deepEqual(await rootsOf(), [[oldRoot, newRoot].sort().join()]);
    });

    test('replaces all certificates although its replicas are killed, and waits for a server that does not reload', async () => {
      const { cluster } = context();
      await switchIssuer();
      const selector = 'app.kubernetes.io/component=renewal-controller';
      await cluster.kubectl([
        'delete',
        'pods',
        '-A',
        `--selector=${selector}`,
        '--force',
        '--grace-period=0',
        '--wait=false',
      ]);
      await untilPhase('Verify', 'NotLoaded');
      const { blocking } = await status();
      assert.deepEqual(
        blocking?.volumes?.map(({ pod }) => pod),
        [stubborn.name],
      );
      const { api, tokens } = context();
      const shown = await api.json<Rotation>(tokens.viewer, 'rotations', 'show', rotation);
      assert.equal(shown.waitingFor, 'NotLoaded');
      assert.deepEqual(
        shown.blocking.volumes.map(({ pod }) => pod),
        [stubborn.name],
      );
      assert.match((await api.run(tokens.viewer, 'rotations', 'show', rotation)).output, /stubborn-server/);
      assert.deepEqual(await rootsOf(), [[oldRoot, newRoot].sort().join()]);
    });

    test('continues when the server is restarted, and the old CA leaves every pod', async () => {
      await execInPod(context().cluster, stubborn, restartServer);
      await untilPhase('Completed');
      assert.deepEqual(await rootsOf(), [newRoot]);
    });

    test('fails no handshake', async (t) => {
      await mutualTls.stop();
      t.diagnostic(`${mutualTls.handshakes} handshakes`);
      assert.deepEqual(mutualTls.failures, []);
      assert.ok(mutualTls.handshakes > pods.length);
      assert.deepEqual(context().reader.problems, []);
      const { cluster } = context();
      await cluster.kubectl(['delete', 'deployment', ...deployments, '-n', defaultNamespace, '--cascade=foreground']);
      await deletePods(cluster, [stubborn.name]);
      await cluster.kubectl(['delete', 'carotation', rotation, '--wait', '--timeout=60s']);
    });
  });
}

/** The pods of Deployments; their label names them. */
async function podsOf(cluster: Cluster, names: readonly string[]): Promise<readonly PodObject[]> {
  const selector = ['--selector', `app in (${names.join()})`, '--output', 'json'];
  const { stdout } = await cluster.kubectl(['get', 'pods', '--namespace', defaultNamespace, ...selector]);
  return (JSON.parse(stdout) as { readonly items: readonly PodObject[] }).items;
}

function fingerprintsIn(pem: string): ReadonlySet<string> {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return new Set(certificates.map((each) => new X509Certificate(each).fingerprint256));
}
