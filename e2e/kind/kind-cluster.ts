import { rm, writeFile } from 'node:fs/promises';

import type { CommandResult } from '../cluster/command.ts';
import { connectExternalCluster } from '../cluster/external-cluster.ts';
import { builtImage, loadTestImages } from '../cluster/images/base-images.ts';
import type { ImageBuild } from '../cluster/images/build-context.ts';
import { publish, writeArchive, type NamedImage } from '../cluster/images/publish-image.ts';
import { pauseImage } from '../cluster/node/containerd.ts';
import { registry } from '../cluster/node/registry.ts';
import type { Sandbox } from '../cluster/sandbox.ts';
import type { Cluster } from '../cluster/types.ts';
import type { DockerEngine } from '../docker/docker-engine.ts';
import { toolPath } from '../tools/build.ts';
import { addedTag, controlPlaneImages } from './control-plane-images.ts';
import { ensureKindNodeImage, kindNodeImage, registryHosts } from './node-image.ts';
import { setUpPodNetwork } from './pod-network.ts';

const name = 'certfleet';
const controlPlane = `${name}-control-plane`;
/** The nodes by their names in both Kubernetes and docker. */
export const kindNodes = [controlPlane, `${name}-worker`] as const;

/** A kind cluster with two nodes, and the registry from which they pull. It ends with its dockerd. */
export class KindCluster {
  readonly #engine: DockerEngine;

  private constructor(engine: DockerEngine) {
    this.#engine = engine;
  }

  /** Builds missing parts into the cache and creates the cluster; all of its nodes are then Ready. */
  static async start(engine: DockerEngine, log: (line: string) => void): Promise<KindCluster> {
    await loadTestImages(engine.sandbox, log);
    for (const [name, image] of await controlPlaneImages(log)) await publish(engine.sandbox, image, name);
    await engine.load([{ image: await ensureKindNodeImage(log), names: [kindNodeImage] }]);
    await ownKernelModules(engine);
    await (await registry(engine.sandbox)).start();
    await createCluster(engine);
    await setUpPodNetwork(engine, controlPlane);
    return new KindCluster(engine);
  }

  /** The cluster object for tests, with cert-manager, and able to build images. */
  async connect(): Promise<Cluster> {
    const { sandbox } = this.#engine;
    const cluster = await connectExternalCluster(kubeconfigIn(sandbox), { nodes: 'full' }, sandbox.enterNetwork);
    const capabilities = { ...cluster.capabilities, images: true };
    return { ...cluster, capabilities, buildImages: (orders) => this.#buildImages(orders) };
  }

  /** Runs a command in the container of a node. */
  execOnNode(node: string, argv: readonly string[]): Promise<CommandResult> {
    return this.#engine.run(['docker', 'exec', node, ...argv]);
  }

  /**
   * Images reach the nodes by kind, as in docs/installation.md, and not by the registry: from an archive, which
   * `kind load docker-image` would first get from docker.
   */
  async #buildImages(orders: readonly ImageBuild[]): Promise<void> {
    const images: NamedImage[] = [];
    for (const order of orders) images.push({ image: await builtImage(order, console.log), names: [order.tag] });
    const path = this.#engine.sandbox.path('images.tar');
    await writeArchive(path, images);
    await this.#engine.run([await toolPath('kind'), 'load', 'image-archive', path, '--name', name]);
    await rm(path);
  }
}

/** kind's kubeadm documents are patched by their kind, independent of the version. */
const patch = (kind: string, fields: object): string => JSON.stringify({ kind, ...fields });

const configuration = {
  kind: 'Cluster',
  apiVersion: 'kind.x-k8s.io/v1alpha4',
  nodes: [{ role: 'control-plane' }, { role: 'worker' }],
  // Its image is not available everywhere.
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
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${registryHosts}"
`,
  ],
};

/**
 * kind mounts /lib/modules into its nodes, and docker creates the directory on a machine without it: here on an
 * overlay.
 */
async function ownKernelModules(engine: DockerEngine): Promise<void> {
  const [upper, work] = [engine.sandbox.path('lib-upper'), engine.sandbox.path('lib-work')];
  const layers = `lowerdir=/usr/lib,upperdir=${upper},workdir=${work}`;
  await engine.run(['sh', '-c', `mkdir ${upper} ${work} && mount -t overlay -o ${layers} lib /usr/lib`]);
}

/** The administrator's kubeconfig, valid in dockerd's sandbox. */
const kubeconfigIn = (sandbox: Sandbox): string => sandbox.path('kind.kubeconfig');

async function createCluster(engine: DockerEngine): Promise<void> {
  const file = engine.sandbox.path('kind.json');
  await writeFile(file, JSON.stringify(configuration));
  const flags = ['--name', name, '--image', kindNodeImage, '--config', file];
  const create = ['create', 'cluster', ...flags, '--kubeconfig', kubeconfigIn(engine.sandbox)];
  await engine.run([await toolPath('kind'), ...create], { timeoutMs: 300_000 });
}
