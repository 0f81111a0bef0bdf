// The pod certificate signer, and the controller that shows pod certificates, on a real API server, with the rights that the
// chart gives them and requests of a node.
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { Redis } from 'ioredis';
import { runCli } from '../../apps/renewal-controller/src/cli/run-cli.ts';
import { signerFlags } from '../../apps/pod-certificate-signer/src/config.ts';
import { Signer } from '../../apps/pod-certificate-signer/src/signer.ts';
import {
  caSecret,
  privateKeyOf,
  signedUid,
  stubRequestOf,
} from '../../apps/pod-certificate-signer/src/testing/requests.ts';
import { systemClock } from '../../libs/shared/src/clock.ts';
import { parseFlags } from '../../libs/shared/src/flags.ts';
import { KubeClient } from '../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { CertfleetError } from '../../libs/shared/src/errors.ts';
import { nodes, pods } from '../../libs/shared/src/kube/api-resource.ts';
import type { ApiTarget } from '../../libs/shared/src/kube/api-resource.ts';
import { createLogger } from '../../libs/shared/src/logger.ts';
import { kubeconfigWithToken } from '../api/issuer-fixture.ts';
import { render } from '../chart/render-chart.ts';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { buildPage } from '../page/support/built-page.ts';
import { PageBrowser } from '../page/support/page-browser.ts';
import { KubeletProcess } from './kubelets/kubelet-process.ts';
import { excessOver } from './kubelets/request-log.ts';
import { installSignerRights, signerAccount } from './kubelets/signer-rights.ts';
import { ClusterObjects, certfleetResource } from './support/cluster-objects.ts';
import { ControllerFixture } from './support/controller-fixture.ts';
import { eventually } from './support/eventually.ts';
import { podRotationSuite, rotatedSigner } from './support/pod-rotation-suite.ts';

const namespace = 'cert-manager';
const node = 'node-1';
const serviceAccounts = { group: '', version: 'v1', plural: 'serviceaccounts' };
const hourMs = 3_600_000;
/** Includes the back-off of the lane and of a request. */
const limitMs = 180_000;

interface RawStatus {
  readonly conditions?: readonly { readonly type: string; readonly reason: string; readonly message: string }[];
  readonly certificateChain?: string;
  readonly notBefore?: string;
  readonly beginRefreshAt?: string;
  readonly notAfter?: string;
}

interface RawBundle {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly signerName: string; readonly trustBundle: string };
}
const noBundle: RawBundle = { metadata: {}, spec: { signerName: '', trustBundle: '' } };

let cluster: Cluster;
let objects: ClusterObjects;
/** With the identity of the node's kubelet. */
let kubelet: ClusterObjects;
/** With the rights of the signer. */
let client: KubeClient;
let signerKubeconfig: string;
let signer: Signer;
/** The version that the API server serves. */
let version: string;

const ca = caSecret({ notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + 1000 * hourMs) });

interface Identified {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

async function uidOf(target: ApiTarget): Promise<string> {
  return (await objects.get<Identified>(target))?.metadata.uid ?? '';
}

async function addPod(name: string, serviceAccountName: string): Promise<void> {
  const metadata = { name, namespace: 'shop' };
  await objects.apply(
    { resource: serviceAccounts, namespace: 'shop', name: serviceAccountName },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...metadata, name: serviceAccountName } },
  );
  const spec = {
    nodeName: node,
    serviceAccountName,
    containers: [{ name: 'main', image: 'busybox' }],
    // From Kubernetes 1.37 on, a node may request only what one of its pods mounts.
    volumes: ['internal', 'later', 'foreign'].map((name) => ({
      name,
      projected: {
        sources: [
          {
            podCertificate: {
              signerName: `example.com/${name}`,
              keyType: 'ECDSAP256',
              credentialBundlePath: 'bundle.pem',
            },
          },
        ],
      },
    })),
  };
  await objects.apply({ resource: pods, namespace: 'shop', name }, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
}

/** The spec of a request as the kubelet of the node makes it. */
async function requestSpec(pod: string, serviceAccountName: string, spec: object): Promise<object> {
  const key = privateKeyOf('ECDSAP256');
  const podUID = await uidOf({ resource: pods, namespace: 'shop', name: pod });
  const stub = stubRequestOf(key);
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
  return {
    signerName: 'example.com/internal',
    podName: pod,
    podUID,
    serviceAccountName,
    serviceAccountUID: await uidOf({ resource: serviceAccounts, namespace: 'shop', name: serviceAccountName }),
    nodeName: node,
    nodeUID: await uidOf({ resource: nodes, name: node }),
    maxExpirationSeconds: 86_400,
    ...(version === 'v1'
      ? { stubPKCS10Request: stub.toString('base64') }
      : { pkixPublicKey: publicKey, proofOfPossession: signedUid(key, podUID).toString('base64') }),
    ...spec,
  };
}

/** The namespaced requests of the tests. */
const requests = (name?: string): ApiTarget => ({
  resource: { group: 'certificates.k8s.io', version, plural: 'podcertificaterequests' },
  namespace: 'shop',
  ...(name !== undefined && { name }),
});

/** Creates a request as the kubelet of the node does. @returns its name */
async function request(pod: string, serviceAccountName: string, spec: object = {}): Promise<string> {
  const body = {
    apiVersion: `certificates.k8s.io/${version}`,
    kind: 'PodCertificateRequest',
    metadata: { generateName: 'req-', namespace: 'shop' },
    spec: await requestSpec(pod, serviceAccountName, spec),
  };
  let name = '';
  // The API server's view of nodes and pods, by which it admits a request, may be old for a moment.
  await eventually('the request to be admitted', async () => {
    const created = await kubelet.create<Identified>(requests(), body).catch((thrown: unknown) => {
      if (thrown instanceof CertfleetError && thrown.code === 'permission-denied') return undefined;
      throw thrown;
    });
    name = created?.metadata.name ?? '';
    return created !== undefined;
  });
  return name;
}

async function statusOf(name: string): Promise<RawStatus> {
  return (await objects.get<{ readonly status?: RawStatus }>(requests(name)))?.status ?? {};
}

async function finalStatus(name: string): Promise<RawStatus> {
  let status: RawStatus = {};
  await eventually(
    `a final status of ${name}`,
    async () => {
      status = await statusOf(name);
      return status.conditions !== undefined;
    },
    limitMs,
  );
  return status;
}

const signerObject = (name: string, spec: object): object => ({
  apiVersion: 'certfleet.io/v1alpha1',
  kind: 'PodCertificateSigner',
  metadata: { name },
  spec: {
    signerName: `example.com/${name}`,
    issuer: { secretName: 'internal-ca' },
    allowed: [{ namespaces: ['shop'], serviceAccounts: ['web'] }],
    names: { dnsNames: ['$POD_NAME.$POD_NAMESPACE.pod.example.com'] },
    ...spec,
  },
});

const secretObject = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/tls',
  metadata: { name, namespace },
  data: ca.data,
});

const newClient = (): KubeClient =>
  new KubeClient({ credentials: kubeconfigCredentials(signerKubeconfig, systemClock), clock: systemClock });

/** A replica with the rights of the chart. */
async function startSigner(): Promise<Signer> {
  const flags = [
    `--namespace=${namespace}`,
    `--lease-name=${signerAccount}`,
    '--ops-bind-address=127.0.0.1:0',
    '--trust-bundles',
  ];
  const config = parseFlags(signerFlags, flags, {});
  const started = new Signer({ config, env: {}, clock: systemClock, log: createLogger(0), client: newClient() });
  await started.start();
  return started;
}

before(async () => {
  cluster = await startCluster({
    nodes: 'control-plane',
    certManager: false,
    apiServerArgs: ['--feature-gates=PodCertificateRequest=true', '--runtime-config=certificates.k8s.io/v1beta1=true'],
  });
  const served = await cluster.kubectl(['api-resources', '--api-group', 'certificates.k8s.io', '--no-headers']);
  objects = await ClusterObjects.connect(cluster);
  kubelet = await ClusterObjects.connect(cluster, node);
  version = /certificates\.k8s\.io\/v1 .*PodCertificateRequest/.test(served.stdout) ? 'v1' : 'v1beta1';
  await cluster.createNamespace(namespace);
  await cluster.createNamespace('shop');
  const token = await installSignerRights(cluster, namespace, {
    signerNames: ['example.com/internal', 'example.com/later', 'example.com/storm', rotatedSigner.signerName],
    caSecrets: ['internal-ca', 'later-ca', rotatedSigner.secretName],
  });
  await cluster.apply([secretObject('internal-ca'), signerObject('internal', {})]);
  await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } });
  signerKubeconfig = await kubeconfigWithToken(cluster, token);
  client = newClient();
  signer = await startSigner();
});

after(async () => {
  await signer.stop();
  client.stop();
  objects.stop();
  kubelet.stop();
  await cluster.stop();
});

describe('the pod certificate signer on a real API server', () => {
  test('signs the request of a node, by the policy, in the terms of the API', async () => {
    await addPod('web-0', 'web');
    const status = await finalStatus(await request('web-0', 'web'));
    assert.equal(status.conditions?.[0]?.type, 'Issued', JSON.stringify(status));
    const leaf = new X509Certificate(status.certificateChain ?? '');
    assert.equal(leaf.subjectAltName, 'DNS:web-0.shop.pod.example.com');
    assert.ok(leaf.verify(new X509Certificate(ca.certificatePem).publicKey));
    const [from, refresh, until] = [status.notBefore, status.beginRefreshAt, status.notAfter].map((time) =>
      Date.parse(time ?? ''),
    );
    assert.equal((until ?? 0) - (from ?? 0), 24 * hourMs);
    assert.ok((refresh ?? 0) > (from ?? 0) + 14 * hourMs && (refresh ?? 0) <= (from ?? 0) + 16 * hourMs);
  });

  test('denies what the policy refuses, with a reason', async () => {
    await addPod('db-0', 'db');
    const [foreign] = (await finalStatus(await request('db-0', 'db'))).conditions ?? [];
    assert.deepEqual([foreign?.type, foreign?.reason], ['Denied', 'IdentityNotAllowed']);
    const annotations = { unverifiedUserAnnotations: { 'csi.certfleet.io/dns-names': 'kubernetes.default.svc' } };
    const [wider] = (await finalStatus(await request('web-0', 'web', annotations))).conditions ?? [];
    assert.deepEqual([wider?.type, wider?.reason], ['Denied', 'InvalidUnverifiedUserAnnotations']);
    assert.match(wider?.message ?? '', /does not allow "kubernetes.default.svc"/);
  });

  // They wait for the signer to look again.
  describe('at its next look', { concurrency: 2 }, () => {
    test('leaves a request pending while its CA is away, and says why', async () => {
      await cluster.apply(signerObject('later', { issuer: { secretName: 'later-ca' } }));
      const pending = await request('web-0', 'web', { signerName: 'example.com/later' });
      const reasonOf = async (name: string): Promise<string | undefined> => {
        const target = { resource: certfleetResource('podcertificatesigners'), name };
        const found = await objects.get<{ readonly status?: RawStatus }>(target);
        return found?.status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
      };
      await eventually('the reason', async () => (await reasonOf('later')) === 'IssuerUnavailable', limitMs);
      assert.equal((await statusOf(pending)).conditions, undefined);
      await cluster.apply(secretObject('later-ca'));
      assert.equal((await finalStatus(pending)).conditions?.[0]?.type, 'Issued');
      await eventually('ready', async () => (await reasonOf('later')) === 'Ready', limitMs);
    });

    test('keeps a ClusterTrustBundle of its CA up to date, by the rights of the chart', async (t) => {
      if (version !== 'v1') {
        t.skip('this cluster has no ClusterTrustBundles');
        return;
      }
      const name = 'example.com:internal:certfleet';
      const resource = { group: 'certificates.k8s.io', version: 'v1', plural: 'clustertrustbundles' };
      const read = async (): Promise<RawBundle> => (await objects.get<RawBundle>({ resource, name })) ?? noBundle;
      const has = (bundle: RawBundle, pem: string): boolean =>
        (bundle.metadata.annotations?.['certfleet.io/needed-until'] ?? '').includes(
          new X509Certificate(pem).fingerprint256,
        ) && bundle.spec.trustBundle.includes(pem);
      await eventually('the CA', async () => has(await read(), ca.certificatePem), limitMs);
      assert.equal((await read()).spec.signerName, 'example.com/internal');
      // Another writer adds a CA: it stays, and gets a time until which it is needed.
      const other = caSecret({ notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + hourMs) });
      const both = { spec: { trustBundle: `${other.certificatePem}${ca.certificatePem}` } };
      await objects.patch({ resource, name }, both);
      const hasBoth = (bundle: RawBundle): boolean =>
        has(bundle, ca.certificatePem) && has(bundle, other.certificatePem);
      await eventually('both CAs', async () => hasBoth(await read()), limitMs);

      const apply = (named: string, signerName: string | undefined): Promise<unknown> =>
        client.request({
          ...{ verb: 'apply', resource, name: named, query: { fieldManager: 'test', force: 'true' } },
          body: {
            ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'ClusterTrustBundle', metadata: { name: named } },
            spec: { trustBundle: other.certificatePem, ...(signerName !== undefined && { signerName }) },
          },
        });
      await assert.rejects(apply('example.com:foreign:certfleet', 'example.com/foreign'), {
        code: 'permission-denied',
      });
      await assert.rejects(apply('foreign', undefined), { code: 'permission-denied' });
    });
  });

  test('signs after a start although requests of a tenant are larger than a list may be', async () => {
    // 1.5 MB each in a list, where the API server escapes each of these characters.
    const annotations = { 'csi.certfleet.io/dns-names': '<'.repeat(255_000) };
    const spec = await requestSpec('web-0', 'web', { unverifiedUserAnnotations: annotations });
    const large = (name: string): object => ({
      ...{ apiVersion: `certificates.k8s.io/${version}`, kind: 'PodCertificateRequest' },
      ...{ metadata: { name, namespace: 'shop' }, spec: { ...spec, signerName: 'example.com/foreign' } },
    });
    const names = Array.from({ length: 24 }, (_, index) => `large-${index}`);
    const items = names.map(large);
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await cluster.kubectl(['create', '-f', '-'], { input });
    await signer.stop();
    signer = await startSigner();
    assert.equal((await finalStatus(await request('web-0', 'web'))).conditions?.[0]?.type, 'Issued');
    await cluster.kubectl(['delete', 'podcertificaterequests', ...names, '-n', 'shop']);
  });

  test('may sign only the signer names and read only the Secrets of the chart', async () => {
    await cluster.apply(signerObject('other', { issuer: { secretName: 'other-ca' } }));
    const secret = { verb: 'get', resource: { group: '', version: 'v1', plural: 'secrets' }, namespace } as const;
    await cluster.apply(secretObject('other-ca'));
    await assert.rejects(client.request({ ...secret, name: 'other-ca' }), { code: 'permission-denied' });
    await assert.rejects(client.request({ ...secret, verb: 'list' }), { code: 'permission-denied' });
    const foreign = await request('web-0', 'web', { signerName: 'example.com/foreign' });
    const resourceVersion = (await objects.get<Identified>(requests(foreign)))?.metadata.resourceVersion;
    const condition = { type: 'Denied', status: 'True', reason: 'X', message: 'x', lastTransitionTime: new Date() };
    const metadata = { name: foreign, namespace: 'shop' };
    const body = {
      apiVersion: `certificates.k8s.io/${version}`,
      kind: 'PodCertificateRequest',
      metadata: { ...metadata, resourceVersion },
      status: { conditions: [condition] },
    };
    const update = { verb: 'update', ...requests(foreign), subresource: 'status', body } as const;
    await assert.rejects(client.request(update), /not permitted to "sign"/);
  });
});

describe('a restart of all kubelets', () => {
  const signerName = 'example.com/storm';
  const lane = { ratePerSecond: 100, burst: 20, maxInFlight: 20 };
  const lanePolicy = (paused: object): object => ({
    ...{ apiVersion: 'certfleet.io/v1alpha1', kind: 'LanePolicy', metadata: { name: 'storm' } },
    spec: { issuers: ['PodCertificateSigner.certfleet.io//storm'], ...lane, ...paused },
  });

  test('is absorbed at the rate of the lane, none is refused, and pods that start come first', async (t) => {
    if (version !== 'v1') {
      t.skip('the simulated kubelets make requests of Kubernetes 1.37');
      return;
    }
    await cluster.createNamespace('storm');
    const spec = { issuer: { secretName: 'internal-ca' }, allowed: [{ namespaces: ['storm'] }] };
    await cluster.apply([lanePolicy({ paused: true, pauseReason: 'test' }), signerObject('storm', spec)]);
    await using kubelets = new KubeletProcess(cluster);
    await kubelets.call('prepare', { namespace: 'storm', nodes: 4, podsPerNode: 10, signerNames: [signerName] });
    // The signer serves this pod after it has seen that the earlier ones run.
    await kubelets.call('startPods', { signerName, count: 1, pauseMs: 0 });
    await kubelets.call('answered', { signerName, which: 'new' });
    await kubelets.call('requestRefreshes', { signerName, count: 300 });
    // While the lane is paused, only pods that start are served.
    await kubelets.call('startPods', { signerName, count: 19, pauseMs: 0 });
    await kubelets.call('answered', { signerName, which: 'new' });
    const paused = await kubelets.call('results', signerName);
    assert.deepEqual([paused.issuedNew, paused.issuedRefreshes, paused.pendingRefreshes], [20, 0, 300]);
    await cluster.apply(lanePolicy({ paused: false }));
    await kubelets.call('startPods', { signerName, count: 20, pauseMs: 50 });
    await kubelets.call('answered', { signerName, which: 'all' });
    const { waitsMs, answeredAt, ...counts } = await kubelets.call('results', signerName);
    const none = { pendingNew: 0, pendingRefreshes: 0, deniedOrFailed: 0 };
    assert.partialDeepStrictEqual(counts, { ...none, issuedNew: 40, issuedRefreshes: 300 });
    assert.equal(excessOver(answeredAt, lane.ratePerSecond, lane.burst + lane.maxInFlight), 0);
    const sorted = waitsMs.toSorted((a, b) => a - b);
    t.diagnostic(`a pod that starts waits ${Math.round(sorted.at(-1) ?? 0)} ms at most`);
  });
});

describe('the controller on a real API server', () => {
  interface Shown {
    readonly certificates: readonly {
      readonly pod: string;
      readonly signer: string;
      readonly state: string;
      readonly reason?: string;
      readonly node: string;
      readonly serviceAccount: string;
      readonly volumes: readonly string[];
      readonly keyType: string;
      readonly notAfter?: string;
      readonly beginRefreshAt?: string;
      readonly request?: string;
    }[];
    readonly following: string;
    readonly problem?: string;
  }

  let controller: ControllerFixture;
  const shown = (query: string): Promise<Shown> => controller.api<Shown>(`pod-certificates?${query}`);

  /** State of each row of the pod by its volume, in the order of their names. */
  async function statesOf(pod: string): Promise<string> {
    const { certificates, problem = '' } = await shown(`pod=${pod}`);
    return `${certificates
      .map(({ volumes, state }) => `${volumes.join('+')} ${state}`)
      .sort()
      .join(', ')}${problem}`;
  }

  /** What a command prints. */
  async function certfleet(...argv: readonly string[]): Promise<string> {
    let [out, errors] = ['', ''];
    const code = await runCli({
      argv: [...argv, `--server=${controller.url}`],
      env: {},
      clock: systemClock,
      print: (printed) => void (out += printed),
      printError: (printed) => void (errors += printed),
    });
    assert.deepEqual([code, errors], [0, '']);
    return out;
  }

  /** Starts a controller with the rights that the chart gives it. */
  async function startController(): Promise<void> {
    const account = 'certfleet-controller';
    const token = await cluster.kubectl(['create', 'token', account, '--namespace', namespace]);
    const kubeconfig = await kubeconfigWithToken(cluster, token.stdout.trim());
    await controller.startController([
      ...['--api-auth=none', '--api-rate-limit=0', '--runbook-url=https://docs.example/runbook.md'],
      '--pod-certificates',
      `--kubeconfig=${kubeconfig}`,
    ]);
  }

  before(async () => {
    buildPage();
    const chart = await render({ 'controller.podCertificates.enabled': true });
    const kinds = /^(ClusterRole|ClusterRoleBinding|ServiceAccount)$/;
    await cluster.apply(
      chart.filter(({ kind, metadata }) => kinds.test(kind) && metadata.name.startsWith('certfleet-controller')),
    );
    controller = await ControllerFixture.start();
    await startController();
  });
  after(() => controller[Symbol.asyncDispose]());

  test('shows the certificate of every projection, whoever signs it', async () => {
    await addPod('seen-0', 'web');
    await addPod('seen-1', 'db');
    const issued = await request('seen-0', 'web');
    await request('seen-0', 'web', { signerName: 'example.com/foreign' });
    await finalStatus(issued);
    await finalStatus(await request('seen-1', 'db'));
    const [first, second] = [
      'foreign pending, internal issued, later pending',
      'foreign pending, internal denied, later pending',
    ];
    await eventually('the rows of a pod', async () => (await statesOf('seen-0')) === first, limitMs);
    await eventually('the rows of another', async () => (await statesOf('seen-1')) === second, limitMs);
    const [row] = (await shown('pod=seen-0&state=issued')).certificates;
    const { notAfter, beginRefreshAt } = await statusOf(issued);
    assert.deepEqual(
      [row?.node, row?.serviceAccount, row?.signer, row?.keyType, row?.request],
      [node, 'web', 'example.com/internal', 'ECDSAP256', issued],
    );
    assert.deepEqual(
      [row?.notAfter, row?.beginRefreshAt].map((time) => Date.parse(time ?? '')),
      [notAfter, beginRefreshAt].map((time) => Date.parse(time ?? '')),
    );
    const [denied] = (await shown('pod=seen-*&state=denied')).certificates;
    assert.deepEqual([denied?.pod, denied?.reason], ['seen-1', 'IdentityNotAllowed']);
    const { text } = await controller.ops('metrics');
    assert.match(text, /certfleet_controller_pod_certificates\{signer="example.com\/internal",state="denied"\} [1-9]/);
    assert.match(text, /certfleet_controller_pod_certificates_current 1/);
    const listed = await certfleet('pod-certificates', '--pod=seen-*', '--state=denied,issued');
    assert.match(listed, /shop +seen-0 .*example.com\/internal +issued/);
    assert.match(listed, /shop +seen-1 .*example.com\/internal +denied \(IdentityNotAllowed\)/);
    const grouped = await certfleet('pod-certificates', '--pod=seen-*', '--group-by=signer');
    assert.match(grouped, /example.com\/internal +2 +1 +2[34]h/);
    assert.match(grouped, /example.com\/foreign +2 +0 *\n/);
    assert.match(
      await certfleet('pod-certificates', '--workload=shop/Pod/seen-1', '--group-by=workload'),
      /^.*\nshop\/Pod\/seen-1 +3 +1 *\n$/,
    );
  });

  test('keeps a row without its request, restores it in an empty Redis, and removes it with the pod', async () => {
    const [{ request: name = '' } = {}] = (await shown('pod=seen-0&state=issued')).certificates;
    await objects.delete(requests(name));
    const states = 'foreign pending, internal issued, later pending';
    const redis = new Redis(controller.redis.url);
    try {
      const rows = (): Promise<number> => redis.hlen('{certfleet}:pod-certificates');
      const before = await rows();
      await redis.flushall();
      await eventually('the rows in Redis', async () => (await rows()) === before, limitMs);
    } finally {
      redis.disconnect();
    }
    // A controller without the memory of the other one.
    await controller.controllers[0]?.stop();
    await startController();
    await eventually('the row to be restored', async () => (await statesOf('seen-0')) === states, limitMs);
    await cluster.kubectl(['delete', 'pod', 'seen-0', '-n', 'shop', '--force', '--grace-period=0']);
    await eventually('the rows to be removed', async () => (await statesOf('seen-0')) === '', limitMs);
  });

  test('the page, the wall and the tab say what is at risk and why, until the cure', async (t) => {
    const browser = await PageBrowser.launch();
    t.after(() => browser[Symbol.asyncDispose]());
    const deletePods = async (of: string): Promise<void> => {
      await cluster.kubectl(['delete', '--raw', `/api/v1/namespaces/${of}/pods?gracePeriodSeconds=0`]);
    };
    await deletePods('shop');
    if (version === 'v1') await deletePods('storm');
    const [page, wall] = [await browser.open(`${controller.url}/`), await browser.open(`${controller.url}/wall`)];
    const titled = (title: RegExp): Promise<void> =>
      eventually(`the title ${title.source}`, async () => title.test(await page.title()), limitMs);
    await titled(/^All OK · Overview/);
    await addPod('sold-0', 'db');
    await finalStatus(await request('sold-0', 'db'));
    await titled(/^Attention · Overview/);
    const text = /1 pod certificate of signer example.com\/internal was denied, the first .*: IdentityNotAllowed/;
    await page.getByLabel('Verdict').getByRole('link', { name: text }).waitFor();
    await wall.getByRole('heading', { name: 'Attention' }).waitFor({ timeout: limitMs });
    await wall.getByText(text).waitFor();
    await page.getByRole('link', { name: 'At risk', exact: true }).click();
    const rows = page.getByRole('table', { name: 'Pod certificates at risk' }).locator('tbody tr');
    await rows.filter({ hasText: 'sold-0' }).filter({ hasText: 'IdentityNotAllowed' }).waitFor();
    assert.equal(await rows.count(), 1);
    await rows.locator('.col-risk time').waitFor();
    const runbook = rows.getByRole('link', { name: 'runbook' });
    assert.equal(await runbook.getAttribute('href'), 'https://docs.example/runbook.md#certfleetpodcertificaterefused');
    let out = '';
    await runCli({
      argv: ['list', '--at-risk', `--server=${controller.url}`],
      ...{ env: {}, clock: systemClock, print: (printed) => void (out += printed), printError: () => undefined },
    });
    assert.match(out, /shop +sold-0 .*denied \(IdentityNotAllowed\) +denied /);
    const { text: metrics } = await controller.ops('metrics');
    assert.match(metrics, /pod_certificates_at_risk\{signer="example.com\/internal",reason="denied"\} 1/);
    await deletePods('shop');
    await titled(/^All OK · At risk/);
    await page.getByText('No pod certificate that matches is at risk').waitFor({ timeout: limitMs });
    await wall.getByRole('heading', { name: 'All OK' }).waitFor({ timeout: limitMs });
    assert.deepEqual(browser.problems, []);
  });
});

podRotationSuite({
  cluster: () => cluster,
  namespace,
  restartSigner: async () => {
    await signer.stop();
    signer = await startSigner();
  },
  isSupported: () => version === 'v1',
});
