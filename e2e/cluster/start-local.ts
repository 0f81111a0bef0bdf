import { mkdir, writeFile } from 'node:fs/promises';

import { buildModule } from '../tools/build.ts';
import { ensureHostPackages } from '../tools/host-packages.ts';
import { kubernetesModule } from '../tools/modules.ts';
import { startCertManager } from './cert-manager.ts';
import { apiServerComponent, apiServerUrl, controllerManagerComponent, etcdComponent } from './control-plane.ts';
import { ensureTestImages, loadTestImages } from './images/base-images.ts';
import { KubernetesTools, type ApiAccess } from './kubernetes-tools.ts';
import { localCluster } from './local-cluster.ts';
import { nodeComponents, type NodeComponents } from './node/node.ts';
import { createPki, kubeconfigOf, type ClientName, type ClusterPki } from './pki.ts';
import { Sandbox } from './sandbox.ts';
import type { Cluster, ClusterOptions } from './types.ts';

type Log = (line: string) => void;

/** Starts a cluster on this machine; a failed start leaves nothing behind. */
export async function startLocalCluster(options: ClusterOptions): Promise<Cluster> {
  const log = options.log ?? ((): void => undefined);
  if (process.getuid?.() !== 0) throw new Error('a test cluster creates namespaces and mounts: it must run as root');
  await ensureHostPackages(log);
  await prepareCache(options, log);
  const sandbox = await Sandbox.create(options.nodes, log);
  try {
    return await bootstrap(sandbox, options, log);
  } catch (error) {
    await sandbox.destroy();
    throw error;
  }
}

/** Builds everything slow before the cluster exists, so that no component waits for another's build. */
async function prepareCache({ nodes, certManager }: ClusterOptions, log: Log): Promise<void> {
  const modules = [
    kubernetesModule,
    'etcd',
    ...(certManager === false ? [] : ['cert-manager']),
    ...(nodes === 'full' ? ['containerd', 'coredns'] : []),
  ];
  for (const module of modules) await buildModule(module);
  if (nodes === 'full') await ensureTestImages(log);
}

async function bootstrap(sandbox: Sandbox, options: ClusterOptions, log: Log): Promise<Cluster> {
  log(`${sandbox.name}: starting, logs in ${sandbox.path('logs')}`);
  await mkdir(sandbox.path('logs'));
  const etcd = await etcdComponent(sandbox);
  etcd.spawn();
  const pki = await createPki(sandbox);
  await writeKubeconfigs(sandbox, pki);
  const as = (client: ClientName): ApiAccess => ({
    prefix: sandbox.enterNetwork,
    kubeconfig: sandbox.path(`${client}.kubeconfig`),
    directory: sandbox.directory,
  });
  const tools = new KubernetesTools(as('admin'));
  const { apiServerArgs = [] } = options;
  const args = typeof apiServerArgs === 'function' ? await apiServerArgs(sandbox.directory) : apiServerArgs;
  const apiServer = await apiServerComponent(sandbox, pki, args);
  const controllerManager = await controllerManagerComponent(sandbox, pki);
  const node = options.nodes === 'full' ? await nodeComponents(sandbox, pki, options.kubeletRootDir) : null;

  // An API server that does not find etcd retries after a second.
  await etcd.ready();
  apiServer.spawn();
  node?.registry.spawn();
  node?.containerd.spawn();
  // Components that start before the API server has created its roles are rejected and exit.
  await apiServer.ready();
  log(`${sandbox.name}: API server ready`);
  const [certManager] = await Promise.all([
    options.certManager === false ? null : startCertManager(as('certManager'), tools, pki, options.certManager ?? {}),
    // Pods and tokens need an account. Later namespaces are created by createNamespace, which also waits for it.
    controllerManager.start().then(() => tools.waitForDefaultServiceAccount('default')),
    node === null ? null : startNode(node, sandbox, tools, log),
  ]);
  if (options.detached === true) await sandbox.disown();
  log(`${sandbox.name}: ready`);
  return localCluster(sandbox, tools, { etcd, apiServer, controllerManager, ...certManager, ...node }, log);
}

async function writeKubeconfigs(sandbox: Sandbox, pki: ClusterPki): Promise<void> {
  for (const client of Object.keys(pki.clients) as ClientName[]) {
    await writeFile(sandbox.path(`${client}.kubeconfig`), await kubeconfigOf(apiServerUrl, pki, client), {
      mode: 0o600,
    });
  }
}

async function startNode(node: NodeComponents, sandbox: Sandbox, tools: KubernetesTools, log: Log): Promise<void> {
  await Promise.all([
    node.registry.ready().then(() => loadTestImages(sandbox, log)),
    node.containerd.ready().then(() => node.kubelet.start()),
    node.kubeProxy.start(),
    node.scheduler.start(),
    node.coreDns.start(),
  ]);
  await tools.kubectl(['wait', '--for=create', `node/${sandbox.name}`, '--timeout=60s']);
  await tools.kubectl(['wait', '--for=condition=Ready', `node/${sandbox.name}`, '--timeout=60s']);
}
