import type { Cluster } from '../../cluster/cluster.ts';
import { keepLogs, readKeptLogs } from './kept-logs.ts';
import type { PodObject } from './pods.ts';
import { buildAppImage, chart, podsOf, releaseName, releaseNamespace, signalPod, valueFlags } from './release.ts';
import { waitUntilRestarted, type Values } from './release.ts';

/** Agents without a controller here; e2e/node/fleet tests the controller. */
const fixed: Values = { 'image.tag': 'test', 'app.logLevel': 5, 'controller.enabled': false };

/** The agent's part of this repository's chart, with an image built from its Dockerfile. */
export class AgentRelease {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Builds the image from the current sources and pushes it to the node's registry. */
  buildImage(): Promise<void> {
    return buildAppImage(this.#cluster, 'node-agent', 'test');
  }

  /** Installs the chart, or changes the values of the installed one, and waits until the agent serves. */
  async install(values: Values = {}): Promise<void> {
    await keepLogs(this.#cluster);
    await this.#cluster.helm([
      ...['upgrade', '--install', releaseName, chart, '--namespace', releaseNamespace, '--create-namespace'],
      ...valueFlags({ ...fixed, ...values }),
    ]);
    await this.waitUntilServing();
  }

  /** Rolls back to the previous revision. */
  async rollbackOne(): Promise<void> {
    await keepLogs(this.#cluster);
    await this.#cluster.helm(['rollback', releaseName, '--namespace', releaseNamespace]);
    await this.waitUntilServing();
  }

  async uninstall(): Promise<void> {
    await keepLogs(this.#cluster);
    await this.#cluster.helm(['uninstall', releaseName, '--namespace', releaseNamespace]);
    const gone = ['wait', '--for=delete', 'pod', '--selector', 'app.kubernetes.io/name=certfleet'];
    await this.#cluster.kubectl([...gone, '--namespace', releaseNamespace, '--timeout=60s']);
  }

  /** Like `kubectl rollout restart`. */
  async roll(): Promise<void> {
    await keepLogs(this.#cluster);
    await this.#cluster.kubectl(['rollout', 'restart', `daemonset/${releaseName}`, '--namespace', releaseNamespace]);
    await this.waitUntilServing();
  }

  async waitUntilServing(): Promise<void> {
    const rollout = ['rollout', 'status', `daemonset/${releaseName}`, '--namespace', releaseNamespace];
    await this.#cluster.kubectl([...rollout, '--timeout=90s']);
    await keepLogs(this.#cluster);
  }

  /** The agent's pod on the one node. */
  async pod(): Promise<PodObject> {
    const pods = await podsOf(this.#cluster, 'node-agent');
    const [pod] = pods;
    if (pod === undefined || pods.length > 1) throw new Error(`expected one agent, found ${pods.length}`);
    return pod;
  }

  /** Sends SIGKILL to the agent's process and waits until the kubelet has restarted it. */
  async kill(): Promise<void> {
    const pod = await this.pod();
    await signalPod(this.#cluster, pod, 'SIGKILL');
    await waitUntilRestarted(this.#cluster, pod);
    await keepLogs(this.#cluster);
  }

  /** All logs of agents so far. */
  logs(): Promise<string> {
    return readKeptLogs(this.#cluster, 'node-agent');
  }
}
