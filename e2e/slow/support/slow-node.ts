import { createCa, type CaPair } from '../../cluster/issuers.ts';
import { openNodeContext, type NodeContext } from '../../node/support/node-context.ts';
import { waitReady } from '../../node/support/pods.ts';
import { buildAppImage, podsOf, releaseNamespace } from '../../node/support/release.ts';
import type { PrometheusServer } from '../../observability/support/prometheus-server.ts';
import { forwardedMetrics } from './forwarded-metrics.ts';
import { RequestHistory } from './request-history.ts';
import { namespace, serialPod } from './serial-pod.ts';

/** The PodCertificateSigners: the CA of one always signs, that of the other goes away. */
export const signers = ['steady', 'away'] as const;
type SignerName = (typeof signers)[number];

/**
 * Pods of each signer that run before the tests. The signer plans a refresh of at least a fifth of them at the earliest
 * time that the API allows: ten minutes after not-before.
 */
const runningPods = 9;

/** A node with the signer of the chart, and running pods that have certificates for an hour. */
export class SlowNode {
  readonly context: NodeContext;
  readonly history: RequestHistory;
  readonly prometheus: PrometheusServer;
  /** The CA of the signer `away`. */
  readonly awayCa: CaPair;
  readonly signerPod: string;

  private constructor(parts: Pick<SlowNode, 'context' | 'history' | 'prometheus' | 'awayCa' | 'signerPod'>) {
    this.context = parts.context;
    this.history = parts.history;
    this.prometheus = parts.prometheus;
    this.awayCa = parts.awayCa;
    this.signerPod = parts.signerPod;
  }

  static async open(): Promise<SlowNode> {
    const context = await openNodeContext();
    try {
      return new SlowNode(await prepare(context));
    } catch (thrown) {
      await context.stop();
      throw thrown;
    }
  }

  /** The pods of a signer that ran before the tests. */
  running(signer: SignerName): readonly string[] {
    return namesOf(signer);
  }

  /** Those of them that the kubelet refreshes at the earliest time. */
  early(signer: SignerName): readonly string[] {
    return namesOf(signer).filter((pod) => {
      const { notBefore, beginRefreshAt } = this.history.firstOf(pod);
      return beginRefreshAt.getTime() - notBefore.getTime() === 600_000;
    });
  }

  async stop(): Promise<void> {
    await this.history.stop();
    await this.prometheus[Symbol.asyncDispose]();
    await this.context.stop();
  }
}

type Parts = Pick<SlowNode, 'context' | 'history' | 'prometheus' | 'awayCa' | 'signerPod'>;

async function prepare(context: NodeContext): Promise<Parts> {
  const { cluster, agent } = context;
  const [steadyCa, awayCa] = await Promise.all([
    createCa('steady CA'),
    createCa('away CA'),
    buildAppImage(cluster, 'pod-certificate-signer', 'test'),
  ]);
  await agent.install({
    'podCertificateSigner.enabled': true,
    'podCertificateSigner.image.tag': 'test',
    'podCertificateSigner.replicas': 1,
    'podCertificateSigner.signerNames': signers.map((name) => `example.com/${name}`),
    'podCertificateSigner.caSecrets': signers.map((name) => `${name}-ca`),
  });
  await cluster.createNamespace(namespace);
  await cluster.apply([caSecretObject('steady', steadyCa), caSecretObject('away', awayCa)]);
  const kinds = ['crd/podcertificatesigners.certfleet.io', 'crd/lanepolicies.certfleet.io'];
  await cluster.kubectl(['wait', '--for=condition=Established', ...kinds, '--timeout=60s']);
  const deployment = 'deployment/certfleet-pod-certificate-signer';
  await cluster.kubectl(['rollout', 'status', deployment, '-n', releaseNamespace, '--timeout=120s']);
  await cluster.apply([earlyRefreshes, ...signers.map(signerObject)]);
  const history = await RequestHistory.start(cluster);
  const pods = signers.flatMap((signer) => namesOf(signer).map((pod) => ({ pod, signer })));
  await cluster.apply(pods.map(({ pod, signer }) => serialPod(pod, `example.com/${signer}`)));
  await waitReady(cluster, { names: pods.map(({ pod }) => pod), namespace, timeoutMs: 300_000 });
  const [signerPod] = await podsOf(cluster, 'pod-certificate-signer');
  if (signerPod === undefined) throw new Error('the signer has no pod');
  const prometheus = await forwardedMetrics(cluster, signerPod);
  return { context, history, prometheus, awayCa, signerPod: signerPod.metadata.name };
}

const namesOf = (signer: SignerName): readonly string[] =>
  Array.from({ length: runningPods }, (_, index) => `${signer}-${index}`);

/** The Secret of a signer's CA. */
export function caSecretObject(signer: SignerName, { certificate, key }: CaPair): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: `${signer}-ca`, namespace: releaseNamespace },
    stringData: { 'tls.crt': certificate, 'tls.key': key },
  };
}

function signerObject(signer: SignerName): object {
  return {
    apiVersion: 'certfleet.io/v1alpha1',
    kind: 'PodCertificateSigner',
    metadata: { name: signer },
    spec: {
      signerName: `example.com/${signer}`,
      issuer: { secretName: `${signer}-ca` },
      allowed: [{ namespaces: [namespace] }],
      names: { dnsNames: ['$POD_NAME.$POD_NAMESPACE.pod'] },
      maxLifetimeSeconds: 3_600,
    },
  };
}

/**
 * The annotations of the pods begin refreshes when half of the lifetime is left; the widest spread makes them earlier, down
 * to the limit of the API. One request at a time, so that the order of the answers is that of the queue.
 */
const earlyRefreshes = {
  apiVersion: 'certfleet.io/v1alpha1',
  kind: 'LanePolicy',
  metadata: { name: 'early-refreshes' },
  spec: { issuers: ['PodCertificateSigner.certfleet.io//*'], jitter: 0.5, maxInFlight: 1 },
};
