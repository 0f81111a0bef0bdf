import { join, resolve } from 'node:path';

import type { Cluster } from '../../cluster/cluster.ts';
import { containerdSocket } from '../../cluster/node/containerd.ts';
import type { PodObject } from './pods.ts';

const repository = resolve(import.meta.dirname, '../../..');
const chart = join(repository, 'helm/certfleet');

/** Namespace of the chart's release. */
export const agentNamespace = 'certfleet';
const release = 'certfleet';
const image = 'certfleet/node-agent:test';

/** Where the node keeps a second link to each agent's log, so that it outlives the pod. */
export const keptLogs = '/var/log/certfleet-kept';

/** Values of the chart by path, as `helm --set-json` takes them. */
export type Values = Readonly<Record<string, unknown>>;

/** The chart of this repository, installed with an image built from its Dockerfile. */
export class AgentRelease {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Builds the image from the sources as they are and pushes it where the node pulls. */
  async buildImage(): Promise<void> {
    const dockerfile = join(repository, 'apps/node-agent/Dockerfile');
    await this.#cluster.buildImage({ tag: image, context: repository, dockerfile });
  }

  /** Installs the chart, or changes the values of what is installed, and waits until the agent serves. */
  async install(values: Values = {}): Promise<void> {
    await this.keepLogs();
    const all: Values = { 'image.tag': 'test', 'app.logLevel': 5, ...values };
    const set = Object.entries(all).flatMap(([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`]);
    await this.#cluster.helm([
      ...['upgrade', '--install', release, chart, '--namespace', agentNamespace, '--create-namespace'],
      ...set,
    ]);
    await this.waitUntilServing();
  }

  /** Goes back to the revision before the present one. */
  async rollbackOne(): Promise<void> {
    await this.keepLogs();
    await this.#cluster.helm(['rollback', release, '--namespace', agentNamespace]);
    await this.waitUntilServing();
  }

  async uninstall(): Promise<void> {
    await this.keepLogs();
    await this.#cluster.helm(['uninstall', release, '--namespace', agentNamespace]);
    const gone = ['wait', '--for=delete', 'pod', '--selector', 'app.kubernetes.io/name=certfleet'];
    await this.#cluster.kubectl([...gone, '--namespace', agentNamespace, '--timeout=60s']);
  }

  /** What `kubectl rollout restart` does. */
  async roll(): Promise<void> {
    await this.keepLogs();
    await this.#cluster.kubectl(['rollout', 'restart', `daemonset/${release}`, '--namespace', agentNamespace]);
    await this.waitUntilServing();
  }

  async waitUntilServing(): Promise<void> {
    const rollout = ['rollout', 'status', `daemonset/${release}`, '--namespace', agentNamespace, '--timeout=90s'];
    await this.#cluster.kubectl(rollout);
    await this.keepLogs();
  }

  /** The agent's pod on the one node. */
  async pod(): Promise<PodObject> {
    const select = ['--namespace', agentNamespace, '--selector', 'app.kubernetes.io/name=certfleet', '--output=json'];
    const { stdout } = await this.#cluster.kubectl(['get', 'pods', ...select]);
    const { items } = JSON.parse(stdout) as { items: PodObject[] };
    const [pod] = items;
    if (pod === undefined || items.length > 1) throw new Error(`expected one agent, found ${items.length}`);
    return pod;
  }

  /** Sends SIGKILL to the agent's process and waits until the kubelet has started it again. */
  async kill(): Promise<void> {
    const { metadata, status } = await this.pod();
    const [container] = status.containerStatuses ?? [];
    if (container === undefined) throw new Error('expected the agent to have a container');
    const id = container.containerID.replace('containerd://', '');
    const ctr = ['--address', containerdSocket, '--namespace', 'k8s.io'];
    await this.#cluster.exec('ctr', [...ctr, 'tasks', 'kill', '--signal', 'SIGKILL', id]);
    const restarted = `--for=jsonpath={.status.containerStatuses[0].restartCount}=${container.restartCount + 1}`;
    for (const condition of [restarted, '--for=condition=Ready']) {
      await this.#cluster.kubectl(['wait', condition, `pod/${metadata.name}`, '-n', agentNamespace, '--timeout=90s']);
    }
    await this.keepLogs();
  }

  /** Everything that agents have logged so far. */
  async logs(): Promise<string> {
    await this.keepLogs();
    return (await this.#cluster.exec('sh', ['-c', `cat ${keptLogs}/* 2>/dev/null || true`])).stdout;
  }

  /** The kubelet removes a pod's log with the pod; a second link keeps it, with what is still to be written. */
  async keepLogs(): Promise<void> {
    const link = `mkdir -p ${keptLogs}; for f in /var/log/pods/${agentNamespace}_*/node-agent/*.log; do
      [ -f "$f" ] && ln -f "$f" "${keptLogs}/$(echo "$f" | tr / _)"; done; true`;
    await this.#cluster.exec('sh', ['-c', link]);
  }
}
