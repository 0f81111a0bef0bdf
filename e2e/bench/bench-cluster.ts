import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inlineVolume } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { startCluster } from '../cluster/cluster.ts';
import { createCaIssuer } from '../cluster/issuers.ts';
import type { Cluster } from '../cluster/types.ts';
import type { ApiAccess } from './floor-order.ts';

/** The algorithms that are compared, with their default sizes. */
export type Algorithm = 'ECDSA' | 'RSA';

const chart = resolve(import.meta.dirname, '../../helm/certfleet');
const release = 'certfleet';
const agentNamespace = 'certfleet-system';
const podCount = 500;

/**
 * A control plane with a CA issuer, with pods that own the requests, and with the agent's ServiceAccount from the
 * chart.
 */
export class BenchCluster {
  readonly namespace = 'bench';
  readonly cluster: Cluster;
  readonly access: ApiAccess;
  /** The content of /var/run/secrets/kubernetes.io/serviceaccount of a pod with that ServiceAccount. */
  readonly serviceAccountDirectory: string;
  readonly #podUids: readonly string[];
  #volumes = 0;

  private constructor(cluster: Cluster, access: ApiAccess, podUids: readonly string[]) {
    this.cluster = cluster;
    this.access = access;
    this.#podUids = podUids;
    this.serviceAccountDirectory = join(cluster.directory, 'serviceaccount');
    mkdirSync(this.serviceAccountDirectory);
    writeFileSync(join(this.serviceAccountDirectory, 'token'), access.token, { mode: 0o600 });
    writeFileSync(join(this.serviceAccountDirectory, 'ca.crt'), access.ca);
  }

  static async start(): Promise<BenchCluster> {
    const cluster = await startCluster({ nodes: 'control-plane' });
    try {
      await cluster.createNamespace('bench');
      await cluster.createNamespace(agentNamespace);
      await createCaIssuer(cluster, { name: 'ca', namespace: 'bench' });
      return new BenchCluster(cluster, await agentAccess(cluster), await createPods(cluster, 'bench'));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** New volumes of the pods in turn; no two are the same. */
  volumes(algorithm: Algorithm, count: number, directory: string): readonly InlineVolume[] {
    return Array.from({ length: count }, () => {
      const number = this.#volumes++;
      const pod = number % podCount;
      return inlineVolume({
        targetPath: join(directory, `${number}/mount`),
        podName: podName(pod),
        namespace: this.namespace,
        podUid: this.#podUids[pod] ?? '',
        attributes: {
          'csi.cert-manager.io/issuer-name': 'ca',
          'csi.cert-manager.io/key-algorithm': algorithm,
          'csi.cert-manager.io/dns-names': '${POD_NAME}.${POD_NAMESPACE}.svc.cluster.local',
        },
      });
    });
  }

  /** Deletes the objects of a measurement, so that the next one starts with the same cluster. */
  async clear(): Promise<void> {
    const requests = `/apis/cert-manager.io/v1/namespaces/${this.namespace}/certificaterequests`;
    for (const path of [requests, `/api/v1/namespaces/${this.namespace}/events`]) {
      await this.cluster.kubectl(['delete', '--raw', path]);
    }
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }
}

const podName = (index: number): string => `pod-${index}`;

/** Creates the chart's CRDs, and the agent's ServiceAccount with its permissions. */
async function agentAccess(cluster: Cluster): Promise<ApiAccess> {
  const templates = ['node-agent/serviceaccount', 'node-agent/rbac', 'crds'].map(
    (name) => `--show-only=templates/${name}.yaml`,
  );
  const { stdout: manifest } = await cluster.helm([
    'template',
    release,
    chart,
    '--namespace',
    agentNamespace,
    // Without a cluster, helm assumes an old version, which the chart rejects.
    '--kube-version=1.34.0',
    ...templates,
  ]);
  await cluster.apply(manifest);
  const account = ['token', release, '--namespace', agentNamespace, '--duration', '24h'];
  const { stdout: token } = await cluster.kubectl(['create', ...account]);
  const { stdout: text } = await cluster.kubectl(['config', 'view', '--raw', '--flatten', '--output', 'json']);
  const config = JSON.parse(text) as {
    clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  };
  const [entry] = config.clusters;
  if (entry === undefined) throw new Error('expected a cluster in the kubeconfig, found none');
  const { hostname, port } = new URL(entry.cluster.server);
  const ca = Buffer.from(entry.cluster['certificate-authority-data'], 'base64').toString();
  return { host: hostname, port, ca, token: token.trim() };
}

/** Pods that own the requests, or the garbage collector would delete them; they never run. */
async function createPods(cluster: Cluster, namespace: string): Promise<readonly string[]> {
  const spec = { containers: [{ name: 'main', image: 'none' }] };
  const manifest = (name: string): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
  const names = Array.from({ length: podCount }, (_, index) => podName(index));
  await cluster.apply(names.map(manifest));
  const output = 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\\n"}{end}';
  const { stdout } = await cluster.kubectl(['get', 'pods', '--namespace', namespace, '--output', output]);
  const uids = new Map(stdout.split('\n').map((line) => line.split(' ') as [string, string]));
  return names.map((name) => uids.get(name) ?? '');
}
