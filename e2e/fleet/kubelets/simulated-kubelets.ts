import { setTimeout as sleep } from 'node:timers/promises';
import { privateKeyOf, stubRequestOf } from '../../../apps/pod-certificate-signer/src/testing/requests.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { nodes, pods } from '../../../libs/shared/src/kube/api-resource.ts';
import type { KubeCredentials } from '../../../libs/shared/src/kube/kube-credentials.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { RequestLog } from './request-log.ts';
import type { RequestResults } from './request-log.ts';

/** Nodes with running pods that mount pod certificates. */
export interface KubeletFleet {
  /** Exists already. */
  readonly namespace: string;
  readonly nodes: number;
  readonly podsPerNode: number;
  /** Those that every pod mounts. */
  readonly signerNames: readonly string[];
  /** Of the names of the nodes; `storm` if absent. */
  readonly nodePrefix?: string;
}

/** Requests of one signer name. */
export interface RequestOrder {
  readonly signerName: string;
  readonly count: number;
}

export interface RefreshOrder extends RequestOrder {
  readonly untilAnswered?: boolean;
}

interface SimulatedPod {
  readonly name: string;
  readonly uid: string;
  readonly node: SimulatedNode;
}

interface SimulatedNode {
  readonly name: string;
  readonly uid: string;
  /** With the identity of its kubelet. */
  readonly client: KubeClient;
}

const requests = { group: 'certificates.k8s.io', version: 'v1', plural: 'podcertificaterequests' };
const serviceAccounts = { group: '', version: 'v1', plural: 'serviceaccounts' };
/** Requests in flight of all kubelets together. */
const concurrency = 32;
/** The API server's view of nodes and pods, by which it admits a request, may be old for a moment. */
const maxAttempts = 100;
const attemptPauseMs = 100;
const maxWaitMs = 900_000;
const pollMs = 50;

/** Kubelets as a signer sees them: real requests on a real API server, each with the identity of a node. */
export class SimulatedKubelets {
  readonly #credentials: KubeCredentials;
  readonly #admin: KubeClient;
  readonly #log: RequestLog;
  #fleet: KubeletFleet | undefined;
  #accountUid = '';
  #nodes: readonly SimulatedNode[] = [];
  #running: readonly SimulatedPod[] = [];
  #started = 0;

  constructor(kubeconfig: string) {
    this.#credentials = kubeconfigCredentials(kubeconfig, systemClock);
    const client = { credentials: this.#credentials, clock: systemClock, maxInFlight: concurrency };
    this.#admin = new KubeClient(client);
    this.#log = new RequestLog({ client: this.#admin, resource: requests });
  }

  /** Creates the nodes and their running pods. */
  async prepare(fleet: KubeletFleet): Promise<void> {
    this.#fleet = fleet;
    const { namespace, nodePrefix = 'storm' } = fleet;
    const account = { verb: 'get', resource: serviceAccounts, namespace, name: 'default' } as const;
    this.#accountUid = uidOf(await this.#admin.request(account));
    this.#nodes = await inParallel(fleet.nodes, (index) => this.#createNode(`${nodePrefix}-${index}`));
    this.#running = await inParallel(fleet.nodes * fleet.podsPerNode, async (index) => {
      const pod = await this.#createPod(`old-${index}`, index);
      const status = { resource: pods, namespace, name: pod.name, subresource: 'status' } as const;
      await this.#admin.request({ ...status, verb: 'patch', body: { status: { phase: 'Running' } } });
      return pod;
    });
    await this.#log.start();
  }

  /**
   * Requests refreshes for the running pods in turn, as their kubelets do after a restart.
   * @returns the milliseconds, until all are answered if the order says so
   */
  async requestRefreshes({ signerName, count, untilAnswered }: RefreshOrder): Promise<number> {
    const keys = keysFor(count);
    const startedMs = performance.now();
    await inParallel(count, async (index) => {
      const pod = this.#running[index % this.#running.length];
      if (pod !== undefined) await this.#request(pod, { signerName, key: keys[index] ?? '', isNew: false });
    });
    if (untilAnswered === true) await this.answered({ signerName, which: 'all' });
    return performance.now() - startedMs;
  }

  /** Starts pods one after the other, each with a request. */
  async startPods({ signerName, count, pauseMs }: RequestOrder & { readonly pauseMs: number }): Promise<void> {
    const keys = keysFor(count);
    for (let index = 0; index < count; index += 1) {
      const pod = await this.#createPod(`new-${this.#started}`, this.#started);
      this.#started += 1;
      await this.#request(pod, { signerName, key: keys[index] ?? '', isNew: true });
      await sleep(pauseMs);
    }
  }

  /** What became of the requests of a signer name. */
  results(signerName: string): Promise<RequestResults> {
    return Promise.resolve(this.#log.results(signerName));
  }

  /** Resolves when requests have their final status: those of pods that start, or all. */
  async answered({ signerName, which }: { readonly signerName: string; readonly which: 'new' | 'all' }): Promise<void> {
    const isDone = (): boolean => {
      const { pendingNew, pendingRefreshes } = this.#log.results(signerName);
      return pendingNew === 0 && (which === 'new' || pendingRefreshes === 0);
    };
    const untilMs = performance.now() + maxWaitMs;
    while (!isDone()) {
      if (performance.now() > untilMs)
        throw new Error(`requests of ${signerName} have no answer after ${maxWaitMs} ms`);
      await sleep(pollMs);
    }
  }

  /**
   * The floor: creates requests and writes their final status, as a signer without any other work would.
   * @param statusOf the final statuses, made before
   * @returns the milliseconds
   */
  async createAndAnswer(
    { signerName, count }: RequestOrder,
    statusesOf: (keys: readonly string[]) => readonly object[],
  ): Promise<number> {
    const keys = keysFor(count);
    const statuses = statusesOf(keys);
    const startedMs = performance.now();
    await inParallel(count, async (index) => {
      const pod = this.#running[index % this.#running.length];
      if (pod === undefined) return;
      const created = await this.#request(pod, { signerName, key: keys[index] ?? '', isNew: false });
      const { name, namespace, uid, resourceVersion } = created.metadata;
      const target = { resource: requests, namespace, name, subresource: 'status' } as const;
      const metadata = { name, namespace, uid, resourceVersion };
      const body = { ...header('PodCertificateRequest'), metadata, status: statuses[index] };
      await this.#admin.request({ ...target, verb: 'update', body });
    });
    return performance.now() - startedMs;
  }

  get #known(): KubeletFleet {
    if (this.#fleet === undefined) throw new Error('the kubelets are not prepared');
    return this.#fleet;
  }

  async #createNode(name: string): Promise<SimulatedNode> {
    const body = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
    const uid = uidOf(await this.#admin.request({ verb: 'create', resource: nodes, body }));
    const credentials: KubeCredentials = {
      access: async () => {
        const access = await this.#credentials.access();
        const identity = { 'impersonate-user': `system:node:${name}`, 'impersonate-group': 'system:nodes' };
        return { ...access, headers: { ...access.headers, ...identity } };
      },
      invalidate: () => this.#credentials.invalidate(),
    };
    return { name, uid, client: new KubeClient({ credentials: remembered(credentials), clock: systemClock }) };
  }

  /** A pod without a kubelet: pending until a status is written. */
  async #createPod(name: string, index: number): Promise<SimulatedPod> {
    const { namespace, signerNames } = this.#known;
    const node = this.#nodes[index % this.#nodes.length];
    if (node === undefined) throw new Error('no nodes');
    const sources = signerNames.map((signerName, at) => ({
      podCertificate: { signerName, keyType: 'ED25519', credentialBundlePath: `bundle-${at}.pem` },
    }));
    const spec = {
      nodeName: node.name,
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: 'busybox' }],
      volumes: [{ name: 'tls', projected: { sources } }],
    };
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec };
    const created = await this.#admin.request({ verb: 'create', resource: pods, namespace, body });
    return { name, uid: uidOf(created), node };
  }

  async #request(
    { name: podName, uid: podUID, node }: SimulatedPod,
    { signerName, key, isNew }: { readonly signerName: string; readonly key: string; readonly isNew: boolean },
  ): Promise<CreatedRequest> {
    const { namespace } = this.#known;
    const spec = {
      ...{ signerName, podName, podUID, nodeName: node.name, nodeUID: node.uid },
      ...{ serviceAccountName: 'default', serviceAccountUID: this.#accountUid },
      ...{ maxExpirationSeconds: 86_400, stubPKCS10Request: key },
    };
    const body = { ...header('PodCertificateRequest'), metadata: { generateName: 'req-', namespace }, spec };
    const create = { verb: 'create', resource: requests, namespace, body } as const;
    const startedMs = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      try {
        const created = (await node.client.request(create)) as CreatedRequest;
        this.#log.created(created.metadata.name, { signerName, isNew, startedMs });
        return created;
      } catch (thrown) {
        if (attempt === maxAttempts) throw thrown;
        await sleep(attemptPauseMs);
      }
    }
  }
}

interface CreatedRequest {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

/** Credentials as one object, so that a client keeps its connections. */
function remembered(credentials: KubeCredentials): KubeCredentials {
  let current: ReturnType<KubeCredentials['access']> | undefined;
  return { access: () => (current ??= credentials.access()), invalidate: () => credentials.invalidate() };
}

/** PKCS#10 requests of new keys, in base64; made before a measurement. */
function keysFor(count: number): readonly string[] {
  return Array.from({ length: count }, () => stubRequestOf(privateKeyOf('ED25519')).toString('base64'));
}

async function inParallel<Result>(count: number, work: (index: number) => Promise<Result>): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
  return results;
}

function uidOf(object: unknown): string {
  return (object as { readonly metadata: { readonly uid: string } }).metadata.uid;
}

const header = (kind: string): object => ({ apiVersion: 'certificates.k8s.io/v1', kind });
