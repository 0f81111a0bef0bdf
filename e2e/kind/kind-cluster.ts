import { writeFile } from 'node:fs/promises';

import type { CommandResult } from '../cluster/command.ts';
import { connectExternalCluster } from '../cluster/external-cluster.ts';
import { busyboxImage, ensureNodeImage, ensureTestImages } from '../cluster/images/base-images.ts';
import { push, type ImageBuild } from '../cluster/images/builder.ts';
import { pauseImage } from '../cluster/node/containerd.ts';
import { registry, registryPort } from '../cluster/node/registry.ts';
import { nodeAddress, type Sandbox } from '../cluster/sandbox.ts';
import type { Cluster } from '../cluster/types.ts';
import type { DockerEngine } from '../docker/docker-engine.ts';
import { toolPath } from '../tools/build.ts';
import { addedTag, ensureControlPlaneImages } from './control-plane-images.ts';
import { ensureKindNodeImage, kindNodeImage } from './node-image.ts';
import { setUpPodNetwork } from './pod-network.ts';

const name = 'certfleet';
const controlPlane = `${name}-control-plane`;
/** The nodes by the names that both Kubernetes and docker know. */
export const kindNodes = [controlPlane, `${name}-worker`] as const;

/** A cluster of kind with two nodes, and the registry that they pull from. It ends with its dockerd. */
export class KindCluster {
  readonly #engine: DockerEngine;

  private constructor(engine: DockerEngine) {
    this.#engine = engine;
  }

  /** Makes what it needs where the cache does not have it, and creates the cluster; all of its nodes are then Ready. */
  static async start(engine: DockerEngine, log: (line: string) => void): Promise<KindCluster> {
    await ensureTestImages(log);
    const controlPlaneImages = await ensureControlPlaneImages(log);
    await ensureKindNodeImage(log);
    await ownKernelModules(engine);
    await (await registry(engine.sandbox)).start();
    for (const image of [...controlPlaneImages, pauseImage, busyboxImage]) await push(engine.sandbox, image);
    await engine.load(kindNodeImage);
    await createCluster(engine);
    await setUpPodNetwork(engine, controlPlane);
    return new KindCluster(engine);
  }

  /** The cluster as tests know clusters, with cert-manager, and able to build images. */
  async connect(): Promise<Cluster> {
    const { sandbox } = this.#engine;
    const cluster = await connectExternalCluster(kubeconfigIn(sandbox), { nodes: 'full' }, sandbox.enterNetwork);
    const capabilities = { ...cluster.capabilities, images: true };
    return { ...cluster, capabilities, buildImage: (order) => this.#buildImage(order) };
  }

  /** Runs a command in the container that is this node. */
  execOnNode(node: string, argv: readonly string[]): Promise<CommandResult> {
    return this.#engine.run(['docker', 'exec', node, ...argv]);
  }

  /** Images come to the nodes as docs/installation.md says: through docker, and no registry. */
  async #buildImage(order: ImageBuild): Promise<void> {
    await ensureNodeImage(console.log);
    await this.#engine.build(order);
    await this.#engine.run([await toolPath('kind'), 'load', 'docker-image', order.tag, '--name', name]);
  }
}

/** kind's documents of kubeadm are patched by their kind, whatever version of them it writes. */
const patch = (kind: string, fields: object): string => JSON.stringify({ kind, ...fields });

const mirror = `http://${nodeAddress}:${registryPort}`;

const configuration = {
  kind: 'Cluster',
  apiVersion: 'kind.x-k8s.io/v1alpha4',
  nodes: [{ role: 'control-plane' }, { role: 'worker' }],
  // Its image cannot be had everywhere.
  networking: { disableDefaultCNI: true },
  kubeadmConfigPatches: [
    // Both nodes run pods.
    patch('InitConfiguration', { nodeRegistration: { taints: [] } }),
    patch('ClusterConfiguration', { etcd: { local: { imageTag: addedTag } }, dns: { imageTag: addedTag } }),
    patch('KubeletConfiguration', { failCgroupV1: false }),
  ],
  containerdConfigPatches: [
    `
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE a lower score is refused.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."*"]
  endpoint = ["${mirror}"]
`,
  ],
};

/** kind mounts /lib/modules into its nodes, and docker makes the folder on a machine that lacks it: here on an overlay. */
async function ownKernelModules(engine: DockerEngine): Promise<void> {
  const [upper, work] = [engine.sandbox.path('lib-upper'), engine.sandbox.path('lib-work')];
  const layers = `lowerdir=/usr/lib,upperdir=${upper},workdir=${work}`;
  await engine.run(['sh', '-c', `mkdir ${upper} ${work} && mount -t overlay -o ${layers} lib /usr/lib`]);
}

/** The administrator's kubeconfig, valid beside dockerd. */
const kubeconfigIn = (sandbox: Sandbox): string => sandbox.path('kind.kubeconfig');

async function createCluster(engine: DockerEngine): Promise<void> {
  const file = engine.sandbox.path('kind.json');
  await writeFile(file, JSON.stringify(configuration));
  const flags = ['--name', name, '--image', kindNodeImage, '--config', file];
  const create = ['create', 'cluster', ...flags, '--kubeconfig', kubeconfigIn(engine.sandbox)];
  await engine.run([await toolPath('kind'), ...create], { timeoutMs: 300_000 });
}
