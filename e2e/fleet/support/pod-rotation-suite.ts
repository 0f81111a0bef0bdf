// A rotation of the CA of a signer: the CA in a Secret is replaced while kubelets refresh their certificates.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCli } from '../../../apps/renewal-controller/src/cli/run-cli.ts';
import { caSecret, inBase64 } from '../../../apps/pod-certificate-signer/src/testing/requests.ts';
import type { TestCa } from '../../../apps/pod-certificate-signer/src/testing/requests.ts';
import type { Rotation } from '../../../libs/operator-api/src/rotations.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { listAll } from '../../../libs/shared/src/kube/list-all.ts';
import { bundleName, readBundle } from '../../../libs/shared/src/kube/signer-trust-bundle.ts';
import { kubeconfigWithToken } from '../../api/issuer-fixture.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { KubeletProcess } from '../kubelets/kubelet-process.ts';
import { ControllerFixture } from './controller-fixture.ts';
import { eventually } from './eventually.ts';

export interface PodRotationSuite {
  readonly cluster: () => Cluster;
  /** The namespace of the signer, with its rights to the Secret. */
  readonly namespace: string;
  /** Replaces the signer, which reads its CA again: as an upgrade does. */
  readonly restartSigner: () => Promise<void>;
  /** Whether the API server serves pod certificates as Kubernetes 1.37 does. */
  readonly isSupported: () => boolean;
}

export const rotatedSigner = { signerName: 'example.com/rotated', secretName: 'rotated-ca' };

const { signerName, secretName } = rotatedSigner;
const hourMs = 3_600_000;
const limitMs = 180_000;
const rotation = 'pods-2027';
const account = 'certfleet-controller';
const podCount = 10;

/** A peer that trusts the bundle of the signer name, and sees each certificate when it is issued. */
class Peer implements AsyncDisposable {
  readonly rejected: string[] = [];
  readonly #client: KubeClient;
  readonly #namespace: string;
  /** By pod: the certificate that it uses. */
  readonly #used = new Map<string, X509Certificate>();
  /** By request: parsed once. */
  readonly #parsed = new Map<string, X509Certificate>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  checks = 0;

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  start(): void {
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // The bundle first: a certificate that is issued after that must be accepted with it.
      const { stored } = await readBundle(this.#client, bundleName(signerName));
      const issued = await this.#issued();
      for (const [pod, certificate] of issued) this.#used.set(pod, certificate);
      const accepts = (certificate: X509Certificate): boolean =>
        stored?.anchors.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey)) ?? false;
      for (const [pod, certificate] of this.#used) {
        this.checks += 1;
        if (!accepts(certificate)) this.rejected.push(`${pod} ${certificate.serialNumber}`);
      }
      await sleep(50);
    }
  }

  async #issued(): Promise<readonly (readonly [pod: string, certificate: X509Certificate])[]> {
    const resource = { group: 'certificates.k8s.io', version: 'v1', plural: 'podcertificaterequests' };
    const { objects } = await listAll(this.#client, { resource, namespace: this.#namespace }, (raw) => {
      const { metadata, spec, status } = raw as RawRequest;
      const created = Date.parse(metadata.creationTimestamp);
      const chain = status?.certificateChain;
      if (chain === undefined) return undefined;
      const certificate = this.#parsed.get(metadata.name) ?? new X509Certificate(chain);
      this.#parsed.set(metadata.name, certificate);
      return { created, pod: spec.podName, certificate };
    });
    return [...objects]
      .sort((a, b) => a.created - b.created)
      .map(({ pod, certificate }) => [pod, certificate] as const);
  }
}

interface RawRequest {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: { readonly podName: string };
  readonly status?: { readonly certificateChain?: string };
}

/** Adds the tests to the file that has started the cluster and the signer. */
export function podRotationSuite(suite: PodRotationSuite): void {
  describe('the rotation of the CA of a signer', () => {
    const times = { notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + 1000 * hourMs) };
    const [old, fresh] = [caSecret(times, { commonName: 'internal' }), caSecret(times, { commonName: 'internal' })];
    let controller: ControllerFixture;

    const applySecret = (ca: TestCa, next?: TestCa): Promise<void> =>
      suite.cluster().apply({
        ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' },
        metadata: { name: secretName, namespace: suite.namespace },
        data: { ...ca.data, ...(next && { 'ca.crt': inBase64(next.certificatePem) }) },
      });
    const show = (): Promise<Rotation> => controller.api<Rotation>(`rotations/${rotation}`);
    const waitFor = (what: string, isDone: (shown: Rotation) => boolean): Promise<void> =>
      eventually(what, async () => isDone(await show()), limitMs);

    before(async () => {
      if (!suite.isSupported()) return;
      const chart = await render({ 'controller.podCertificates.enabled': true });
      const kinds = /^(ClusterRole|ClusterRoleBinding|ServiceAccount)$/;
      const cluster = suite.cluster();
      const isNeeded = ({ kind, metadata }: (typeof chart)[number]): boolean =>
        kind === 'CustomResourceDefinition' || (kinds.test(kind) && metadata.name.startsWith(account));
      await cluster.apply(chart.filter(isNeeded));
      const definitions = [
        'crd/carotations.certfleet.io',
        'crd/renewals.certfleet.io',
        'crd/lanepolicies.certfleet.io',
      ];
      await cluster.kubectl(['wait', '--for=condition=Established', ...definitions, '--timeout=60s']);
      const token = await cluster.kubectl(['create', 'token', account, '--namespace', suite.namespace]);
      const kubeconfig = await kubeconfigWithToken(cluster, token.stdout.trim());
      controller = await ControllerFixture.start();
      const flags = ['--api-auth=none', '--api-rate-limit=0', '--heartbeat-interval=1s', '--pod-certificates'];
      await controller.startController([...flags, `--kubeconfig=${kubeconfig}`, '--intent-directory=']);
      await cluster.createNamespace('rotated');
      // Nobody has seen the requests of earlier pods, so they would be unknown.
      for (const each of ['shop', 'storm'])
        await cluster.kubectl(['delete', 'pods', '--all', '--namespace', each, '--force', '--grace-period=0']);
      await applySecret(old);
      await cluster.apply({
        ...{ apiVersion: 'certfleet.io/v1alpha1', kind: 'PodCertificateSigner', metadata: { name: 'rotated' } },
        spec: {
          ...{ signerName, issuer: { secretName }, allowed: [{ namespaces: ['rotated'] }] },
          names: { dnsNames: ['$POD_NAME.$POD_NAMESPACE.pod.example.com'] },
        },
      });
    });
    after(async () => {
      if (suite.isSupported()) await controller[Symbol.asyncDispose]();
    });

    test('goes through its phases while kubelets refresh, and no peer rejects a certificate', async (t) => {
      if (!suite.isSupported()) {
        t.skip('the simulated kubelets make requests of Kubernetes 1.37');
        return;
      }
      const cluster = suite.cluster();
      await using kubelets = new KubeletProcess(cluster);
      const refresh = (count: number): Promise<number> =>
        kubelets.call('requestRefreshes', { signerName, count, untilAnswered: true });
      const fleet = { namespace: 'rotated', nodes: 2, podsPerNode: podCount / 2, signerNames: [signerName] };
      await kubelets.call('prepare', { ...fleet, nodePrefix: 'rotated' });
      await refresh(podCount);
      const credentials = kubeconfigCredentials(await cluster.localKubeconfig(), systemClock);
      const client = new KubeClient({ credentials, clock: systemClock });
      t.after(() => client.stop());
      const exists = async (): Promise<boolean> =>
        (await readBundle(client, bundleName(signerName))).stored !== undefined;
      await eventually('the bundle', exists, limitMs);
      await using peer = new Peer(client, 'rotated');
      peer.start();

      await controller.api('rotations', {
        method: 'POST',
        body: {
          ...{ name: rotation, from: old.certificatePem, to: fresh.certificatePem, reason: 'the CA expires' },
          podCertificates: { deliverySeconds: 1 },
        },
      });
      await waitFor('the bundle to be read', ({ waitingFor }) => waitingFor === 'TrustBundleIncomplete');
      const incomplete = await show();
      assert.match(incomplete.message ?? '', /example\.com:rotated:certfleet of the signer example\.com\/rotated/);
      assert.equal(incomplete.phase, 'Trust');

      await applySecret(old, fresh);
      await suite.restartSigner();
      await waitFor('the phase Reissue', ({ phase }) => phase === 'Reissue');
      // The signer has not switched yet.
      await refresh(4);
      await applySecret(fresh, fresh);
      await suite.restartSigner();
      await refresh(4);
      await waitFor('four certificates of the new CA', ({ podCertificates: pods }) => pods?.reissued === 4);
      assertHalf(await show());
      await assertShown(cluster, controller);

      await refresh(podCount);
      await waitFor('the end of the rotation', ({ phase }) => phase === 'Completed');
      assertDone(await show());
      const { stored } = await readBundle(client, bundleName(signerName));
      const oldRoot = new X509Certificate(old.certificatePem).fingerprint256;
      assert.ok(stored?.anchors.some(({ fingerprint256 }) => fingerprint256 === oldRoot));
      const checked = peer.checks;
      await eventually('further checks', () => Promise.resolve(peer.checks > checked + podCount), limitMs);
      assert.deepEqual(peer.rejected, []);
    });
  });
}

/** Four of ten certificates have the new CA. */
function assertHalf({ phase, waitingFor, podCertificates }: Rotation): void {
  assert.ok(podCertificates);
  const { remaining, unknown, signers, awaited, refreshBy } = podCertificates;
  assert.deepEqual([phase, waitingFor, remaining, unknown], ['Reissue', 'PodCertificatesNotRefreshed', 6, 0]);
  assert.deepEqual([signers.map(({ bundle }) => bundle), awaited.length], [['Verified'], 6]);
  assert.ok(Date.parse(refreshBy ?? '') > Date.now());
}

/** The signer keeps the old root by its own rule. */
function assertDone({ podCertificates }: Rotation): void {
  assert.ok(podCertificates);
  const { reissued, remaining, signers } = podCertificates;
  assert.deepEqual([reissued, remaining], [podCount, 0]);
  assert.ok(Date.parse(signers[0]?.leavingUntil ?? '') > Date.now());
}

/** What kubectl and the command line show of the pod certificates. */
async function assertShown(cluster: Cluster, controller: ControllerFixture): Promise<void> {
  const { stdout } = await cluster.kubectl(['get', 'carotations', rotation]);
  assert.match(stdout, /POD CERTIFICATES/);
  assert.match(stdout, /Reissue +0\/0 +PodCertificatesNotRefreshed +6 +4\/10/);
  let [out, errors] = ['', ''];
  const code = await runCli({
    argv: ['rotations', 'show', rotation, `--server=${controller.url}`],
    env: {},
    clock: systemClock,
    print: (printed) => void (out += printed),
    printError: (printed) => void (errors += printed),
  });
  assert.deepEqual([code, errors], [0, '']);
  assert.match(out, /pod certificates +4 reissued, 6 remaining, 0 unknown/);
  assert.match(out, /example\.com\/rotated +6 +4 +Verified/);
}
