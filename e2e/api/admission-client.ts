import { Agent, request } from 'undici';

import { systemClock } from '../../libs/shared/src/clock.ts';
import { kubeconfigCredentials } from '../../libs/shared/src/kube/kubeconfig-credentials.ts';
import type { KubeCredentials } from '../../libs/shared/src/kube/kube-credentials.ts';

/** What the API server answers to an object: the text of its refusal (empty if it is admitted), and its warnings. */
export interface Admission {
  readonly denied: string;
  readonly warnings: readonly string[];
}

const collections: Readonly<Record<string, readonly [apiVersion: string, path: string]>> = {
  Pod: ['v1', '/api/v1/namespaces/default/pods'],
  Deployment: ['apps/v1', '/apis/apps/v1/namespaces/default/deployments'],
  StatefulSet: ['apps/v1', '/apis/apps/v1/namespaces/default/statefulsets'],
  DaemonSet: ['apps/v1', '/apis/apps/v1/namespaces/default/daemonsets'],
  ReplicaSet: ['apps/v1', '/apis/apps/v1/namespaces/default/replicasets'],
  Job: ['batch/v1', '/apis/batch/v1/namespaces/default/jobs'],
  CronJob: ['batch/v1', '/apis/batch/v1/namespaces/default/cronjobs'],
};

/** The spec of an object of the kind around a pod's spec. */
function specOf(kind: string, podSpec: object): object {
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: podSpec };
  const selected = { selector: { matchLabels: labels }, template };
  const batch = { template: { spec: { ...podSpec, restartPolicy: 'Never' } } };
  if (kind === 'Pod') return podSpec;
  if (kind === 'Job') return batch;
  if (kind === 'CronJob') return { schedule: '0 0 * * *', jobTemplate: { spec: batch } };
  return kind === 'StatefulSet' ? { ...selected, serviceName: 'web' } : selected;
}

/** Creates objects with the driver's volumes as an administrator, by default as a dry run. */
export class AdmissionClient {
  readonly #credentials: KubeCredentials;
  #agent: Agent | undefined;

  constructor(kubeconfig: string) {
    this.#credentials = kubeconfigCredentials(kubeconfig, systemClock);
  }

  /** An object of the kind whose pods have one volume, `tls`. */
  create(kind: string, volumeAttributes: Readonly<Record<string, string>>): Promise<Admission> {
    const csi = { driver: 'csi.cert-manager.io', readOnly: true, volumeAttributes };
    return this.#post(kind, 'web', [{ name: 'tls', csi }], '?dryRun=All');
  }

  /**
   * The refusals of volumes with these attributes, by index. They share a pod, and the last volume of it is wrong in any
   * case: if that is not refused, the pod costs more than CEL may, and each volume gets a pod of its own.
   */
  async refusals(all: readonly Readonly<Record<string, string>>[]): Promise<ReadonlyMap<number, string>> {
    const volumes = [...all, {}].map((volumeAttributes, index) => ({
      name: `v${index}`,
      csi: { driver: 'csi.cert-manager.io', readOnly: true, volumeAttributes },
    }));
    const { denied } = await this.createPod(volumes);
    const named = new Map<number, string>();
    for (const part of denied.split(/; (?=volume "v\d+": )/)) {
      const [, index, problem = ''] = /^volume "v(\d+)": (.*)$/s.exec(part) ?? [];
      if (index !== undefined) named.set(Number(index), problem);
    }
    if (named.delete(all.length)) return named;
    const alone = new Map<number, string>();
    for (const [index, volumeAttributes] of all.entries()) {
      const answer = await this.create('Pod', volumeAttributes);
      if (answer.denied !== '') alone.set(index, answer.denied);
    }
    return alone;
  }

  createPod(volumes: readonly object[]): Promise<Admission> {
    return this.#post('Pod', 'web', volumes, '?dryRun=All');
  }

  /** A Deployment that stays. */
  createDeployment(name: string, volumeAttributes: Readonly<Record<string, string>>): Promise<Admission> {
    const csi = { driver: 'csi.cert-manager.io', readOnly: true, volumeAttributes };
    return this.#post('Deployment', name, [{ name: 'tls', csi }], '');
  }

  /** Calls the function for every item, for eight at a time. */
  async forEach<Item>(items: readonly Item[], call: (item: Item) => Promise<void>): Promise<void> {
    const left = items.values();
    const worker = async (): Promise<void> => {
      for (const item of left) await call(item);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  }

  async stop(): Promise<void> {
    await this.#agent?.close();
  }

  async #post(kind: string, name: string, volumes: readonly object[], query: string): Promise<Admission> {
    const [apiVersion, path] = collections[kind] ?? ['', ''];
    const { server, headers, tls } = await this.#credentials.access();
    this.#agent ??= new Agent({ connect: tls });
    const podSpec = { containers: [{ name: 'web', image: 'busybox' }], automountServiceAccountToken: false, volumes };
    const object = { apiVersion, kind, metadata: { name }, spec: specOf(kind, podSpec) };
    const response = await request(`${server}${path}${query}`, {
      dispatcher: this.#agent,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(object),
    });
    const { message = '' } = (await response.body.json()) as { message?: string };
    const [, denied] = / denied request: (.*)$/s.exec(message) ?? [];
    if (response.statusCode >= 300 && denied === undefined) throw new Error(`${response.statusCode}: ${message}`);
    const header = response.headers['warning'] ?? [];
    return { denied: denied ?? '', warnings: typeof header === 'string' ? [header] : header };
  }
}
