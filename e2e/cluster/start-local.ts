import { mkdir, writeFile } from 'node:fs/promises';

import { buildModule } from '../tools/build.ts';
import { ensureHostPackages } from '../tools/host-packages.ts';
import { certManagerComponents, controllerArgs, installCertManagerCrds, registerWebhook, type CertManager } from './cert-manager.ts';
import type { CertManagerOptions } from './cert-manager.ts';
import { apiServerUrl, controlPlane, type ControlPlane } from './control-plane.ts';
import { ensureTestImages, loadTestImages } from './images/base-images.ts';
import { KubernetesTools } from './kubernetes-tools.ts';
import { localCluster } from './local-cluster.ts';
import { nodeComponents, type NodeComponents } from './node/node.ts';
import { createPki, kubeconfigOf, type ClientName, type ClusterPki } from './pki.ts';
import { Sandbox } from './sandbox.ts';
import type { Cluster, ClusterOptions } from './types.ts';

type Log = (line: string) => void;

/** Starts a cluster on this machine; a start that fails leaves nothing behind. */
export async function startLocalCluster(options: ClusterOptions): Promise<Cluster> {
  const log = options.log ?? ((): void => undefined);
  if (process.getuid?.() !== 0) throw new Error('a test cluster makes namespaces and mounts: it must run as root');
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

/** Makes what is slow before the cluster exists, so that no part of it waits for another to be built. */
async function prepareCache({ nodes, certManager }: ClusterOptions, log: Log): Promise<void> {
  const modules = ['kubernetes', 'etcd', ...(certManager === false ? [] : ['cert-manager']), ...(nodes === 'full' ? ['coredns'] : [])];
  for (const module of modules) await buildModule(module);
  if (nodes === 'full') await ensureTestImages(log);
}

async function bootstrap(sandbox: Sandbox, options: ClusterOptions, log: Log): Promise<Cluster> {
  await mkdir(sandbox.path('logs'));
  const pki = await createPki(sandbox);
  await writeKubeconfigs(sandbox, pki);
  const plane = await controlPlane(sandbox, pki, options.apiServerArgs ?? []);
  const certManager = await certManagerComponents(sandbox, pki, sandbox.path('certManager.kubeconfig'));
  const kubeletRootDir = options.kubeletRootDir ?? '/var/lib/kubelet';
  const node = options.nodes === 'full' ? await nodeComponents(sandbox, pki, kubeletRootDir) : null;
  const tools = new KubernetesTools(sandbox.enterNetwork, sandbox.path('admin.kubeconfig'));

  log(`${sandbox.name}: starting, logs in ${sandbox.path('logs')}`);
  plane.etcd.spawn();
  plane.apiServer.spawn();
  node?.registry.spawn();
  node?.containerd.spawn();
  await plane.apiServer.ready();
  log(`${sandbox.name}: API server ready`);
  await Promise.all([
    startControllers(plane),
    options.certManager === false ? null : startCertManager(certManager, tools, pki, options.certManager ?? {}),
    node === null ? null : startNode(node, sandbox, tools),
  ]);
  log(`${sandbox.name}: ready`);
  return localCluster(sandbox, tools, { ...plane, ...certManager, ...node });
}

async function writeKubeconfigs(sandbox: Sandbox, pki: ClusterPki): Promise<void> {
  for (const client of Object.keys(pki.clients) as ClientName[]) {
    await writeFile(sandbox.path(`${client}.kubeconfig`), await kubeconfigOf(apiServerUrl, pki, client), { mode: 0o600 });
  }
}

async function startControllers({ controllerManager }: ControlPlane): Promise<void> {
  await controllerManager.start();
}

async function startCertManager(
  { certManager, certManagerWebhook }: CertManager,
  tools: KubernetesTools,
  pki: ClusterPki,
  options: CertManagerOptions,
): Promise<void> {
  if (options.webhook !== false) certManagerWebhook.spawn();
  await installCertManagerCrds(tools);
  await Promise.all([
    certManager.start(controllerArgs(options)),
    options.webhook === false ? null : certManagerWebhook.ready().then(() => registerWebhook(tools, pki)),
  ]);
}

async function startNode(node: NodeComponents, sandbox: Sandbox, tools: KubernetesTools): Promise<void> {
  await Promise.all([
    node.registry.ready().then(() => loadTestImages(sandbox)),
    node.containerd.ready().then(() => node.kubelet.start()),
    node.kubeProxy.start(),
    node.scheduler.start(),
    node.coreDns.start(),
  ]);
  await tools.kubectl(['wait', '--for=create', `node/${sandbox.name}`, '--timeout=60s']);
  await tools.kubectl(['wait', '--for=condition=Ready', `node/${sandbox.name}`, '--timeout=60s']);
}
