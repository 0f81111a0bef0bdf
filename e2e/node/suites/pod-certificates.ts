import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createCa, createCaIssuer } from '../../cluster/issuers.ts';
import type { CaPair } from '../../cluster/issuers.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { findSecrets } from '../../support/secret-scan.ts';
import { kubernetesVersion } from '../../tools/modules.ts';
import { readKeptLogs } from '../support/kept-logs.ts';
import type { GetContext } from '../support/node-context.ts';
import { execInPod } from '../support/pod-files.ts';
import { listApi, readApi, resources } from '../support/api-reader.ts';
import { deletePods, describeWithEvent, listPods, waitReady } from '../support/pods.ts';
import type { PodObject } from '../support/pods.ts';
import { releaseNamespace, type Values } from '../support/release.ts';

const folder = resolve(import.meta.dirname, '../../../examples/pod-certificates');
/** The namespace of the examples. */
const namespace = 'orders';
const deployment = 'certfleet-pod-certificate-signer';
const limitMs = 240_000;
const skip = kubernetesVersion.startsWith('v1.35.') ? 'Kubernetes 1.35 has pod certificates only with a gate' : false;

/** What a pod sees in /tls. */
interface Files {
  readonly leaf: X509Certificate;
  readonly ca: X509Certificate;
}

/** The agent's values for these suites. */
export const podCertificateValues: Values =
  skip === false
    ? {
        'podCertificateSigner.enabled': true,
        'podCertificateSigner.image.tag': 'test',
        'podCertificateSigner.replicas': 1,
        'podCertificateSigner.logLevel': 5,
        'podCertificateSigner.signerNames': ['example.com/internal', 'example.com/later'],
        'podCertificateSigner.caSecrets': ['internal-ca', 'later-ca'],
      }
    : {};

const example = async (context: GetContext, name: string): Promise<void> =>
  context().cluster.apply(await readFile(join(folder, name), 'utf8'));

/** The pods of the example's Deployment after a rollout. */
async function rolledOut(context: GetContext): Promise<readonly PodObject[]> {
  const { cluster } = context();
  const status = ['rollout', 'status', 'deployment/web', '-n', namespace, '--timeout=240s'];
  await cluster.kubectl(status);
  const current = (await listPods(cluster, namespace)).filter(({ metadata: { name, deletionTimestamp } }) => {
    return name.startsWith('web-') && deletionTimestamp === undefined;
  });
  assert.equal(current.length, 2);
  return current;
}

/** The signer of the chart, and kubelets that request certificates of it. Needs its image. */
export function podCertificateSuite(context: GetContext): void {
  // Each has its own pods.
  describe('with the pod certificate signer', { skip, concurrency: true }, () => {
    const secret = (name: string, { certificate, key }: CaPair): Promise<void> =>
      context().cluster.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/tls',
        metadata: { name, namespace: releaseNamespace },
        stringData: { 'tls.crt': certificate, 'tls.key': key },
      });

    before(async () => {
      const { cluster } = context();
      const ca = await createCa('internal CA');
      await createCaIssuer(cluster, { name: 'internal' }, ca);
      await secret('internal-ca', ca);
      const established = ['wait', '--for=condition=Established', 'crd/podcertificatesigners.certfleet.io'];
      await cluster.kubectl([...established, '--timeout=60s']);
      const rollout = ['rollout', 'status', `deployment/${deployment}`, '-n', releaseNamespace, '--timeout=120s'];
      await cluster.kubectl(rollout);
      await example(context, 'signer.yaml');
      const account = ['wait', '--for=create', 'serviceaccount/default', '-n', namespace, '--timeout=30s'];
      await cluster.kubectl(account);
    });

    test('a workload moves from pod certificates to a CSI volume and back, with the same names and CA', async () => {
      const { cluster } = context();
      const seen: Files[] = [];
      const look = async (kind: 'csi' | 'projected'): Promise<void> => {
        for (const { metadata, spec } of await rolledOut(context)) {
          assert.ok(spec.volumes.some((volume) => volume.name === 'tls' && kind in volume));
          seen.push(await filesOf(context, metadata.name));
        }
      };
      await example(context, 'pod-certificate.yaml');
      await look('projected');
      await example(context, 'csi-volume.yaml');
      await look('csi');
      await example(context, 'pod-certificate.yaml');
      await look('projected');
      for (const { leaf } of seen) assert.equal(leaf.subjectAltName, 'DNS:web.orders.svc');
      assert.equal(new Set(seen.map(({ ca }) => ca.fingerprint256)).size, 1);
      assert.equal(new Set(seen.map(({ leaf }) => leaf.serialNumber)).size, seen.length);
      const bundle = await cluster.kubectl([
        'get',
        'clustertrustbundle',
        'example.com:internal:certfleet',
        '-o',
        'yaml',
      ]);
      assert.match(bundle.stdout, /signerName: example\.com\/internal/);
    });

    test('a pod that the policy does not allow shows why in its Events', async () => {
      const { cluster } = context();
      await cluster.apply(podWith('stranger', { signerName: 'example.com/internal', account: 'default' }));
      const described = await describeWithEvent(cluster, { name: 'stranger', namespace }, 'Denied');
      assert.match(described, /Warning\s+Denied\s.*IdentityNotAllowed/);
      assert.match(
        described,
        /PodCertificateSigner internal does not allow ServiceAccount default in namespace orders/,
      );
      await deletePods(cluster, ['stranger'], namespace);
    });

    test('a pod waits while the CA is missing or unusable, and starts when it is there', async () => {
      const { cluster } = context();
      await cluster.apply({
        apiVersion: 'certfleet.io/v1alpha1',
        kind: 'PodCertificateSigner',
        metadata: { name: 'later' },
        spec: {
          signerName: 'example.com/later',
          issuer: { secretName: 'later-ca' },
          allowed: [{ namespaces: [namespace] }],
          names: { dnsNames: ['$POD_NAME.$POD_NAMESPACE.pod'] },
        },
      });
      await cluster.apply(podWith('patient', { signerName: 'example.com/later', account: 'web' }));
      const waits = async (message: RegExp): Promise<void> => {
        const target = { resource: resources.podCertificateSigners, name: 'later' };
        const shown = async (): Promise<boolean> => {
          const { status } = await readApi<SignerObject>(cluster, target);
          return status?.conditions?.some((each) => each.type === 'Ready' && message.test(each.message)) ?? false;
        };
        await waitUntil(`a condition like ${String(message)}`, shown, { timeoutMs: limitMs, intervalMs: 500 });
        const types = (await requestsFor(context, 'example.com/later')).flatMap(
          ({ status }) => status?.conditions ?? [],
        );
        assert.deepEqual(types, []);
      };
      await waits(/Secret certfleet\/later-ca: .*not found/);
      await secret('later-ca', { certificate: 'no certificate', key: 'no key' });
      await waits(/the entry tls\.\w+ is unusable/);
      await secret('later-ca', await createCa('later CA'));
      await waitReady(cluster, { names: ['patient'], namespace, timeoutMs: limitMs });
      const conditions = (await requestsFor(context, 'example.com/later')).map(
        ({ status }) => status?.conditions?.[0]?.type,
      );
      assert.deepEqual(conditions, ['Issued']);
    });
  });
}

/** The kubelet restarts, with the pods of the suite above, which it deletes. */
export function kubeletRestartSuite(context: GetContext): void {
  describe('with pod certificates', { skip }, () => {
    after(async () => {
      await context().cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    });

    test('a restart of the kubelet refreshes the certificates of running pods', async () => {
      const { cluster } = context();
      const pods = await rolledOut(context);
      const serials = async (): Promise<readonly string[]> =>
        Promise.all(pods.map(async ({ metadata: { name } }) => (await filesOf(context, name)).leaf.serialNumber));
      const before = await serials();
      await cluster.kubelet.restart();
      const isRefreshed = async (): Promise<boolean> => {
        // The kubelet may not answer yet.
        const now = await serials().catch(() => before);
        return now.every((serial, index) => serial !== before[index]);
      };
      await waitUntil('refreshed certificates', isRefreshed, { timeoutMs: limitMs, intervalMs: 500 });
      const after = await rolledOut(context);
      assert.deepEqual(
        after.map(({ metadata }) => metadata.uid).sort(),
        pods.map(({ metadata }) => metadata.uid).sort(),
      );
      for (const { status } of after) assert.equal(status.containerStatuses?.[0]?.restartCount, 0);
    });

    test('the log of the signer has no key', async () => {
      const text = await readKeptLogs(context().cluster, 'pod-certificate-signer');
      assert.match(text, /"request signed"/);
      assert.deepEqual(findSecrets([{ where: 'signer', text }], []), []);
    });
  });
}

interface SignerObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly message: string }[] };
}

interface RequestObject {
  readonly spec: { readonly signerName: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string }[] };
}

async function requestsFor(context: GetContext, signerName: string): Promise<readonly RequestObject[]> {
  const target = { resource: resources.podCertificateRequests, namespace };
  const all = await listApi<RequestObject>(context().cluster, target);
  return all.filter(({ spec }) => spec.signerName === signerName);
}

/** Reads the files of a pod by one command, and verifies them: the key is that of the certificate, and the CA signed it. */
async function filesOf(context: GetContext, name: string): Promise<Files> {
  const script = 'cd -P /tls/..data && for f in tls.key tls.crt ca.crt; do cat $f; echo ==; done';
  const [key = '', chain = '', trust = ''] = (await execInPod(context().cluster, { name, namespace }, script)).split(
    '==\n',
  );
  const [leaf, ca] = [new X509Certificate(chain), new X509Certificate(trust)];
  assert.ok(leaf.checkPrivateKey(createPrivateKey(key)));
  assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  return { leaf, ca };
}

function podWith(
  name: string,
  { signerName, account }: { readonly signerName: string; readonly account: string },
): object {
  const podCertificate = { signerName, keyType: 'ECDSAP256', credentialBundlePath: 'bundle.pem' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      serviceAccountName: account,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', 'openssl x509 -in /tls/bundle.pem -noout && exec sleep infinity'],
          volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
        },
      ],
      volumes: [{ name: 'tls', projected: { sources: [{ podCertificate }] } }],
    },
  };
}
