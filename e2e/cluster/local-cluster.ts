import { readFile, writeFile } from 'node:fs/promises';

import { run } from './command.ts';
import { apiServerPort, apiServerUrl } from './control-plane.ts';
import { forward, type Forward } from './forward.ts';
import { builtImage, loadTestImages } from './images/base-images.ts';
import { publish } from './images/publish-image.ts';
import type { KubernetesTools } from './kubernetes-tools.ts';
import { nodeAddress, type Sandbox } from './sandbox.ts';
import type { Capabilities, Cluster, ComponentName, ManagedComponent } from './types.ts';
import { UnavailableError, withUnavailable } from './unavailable.ts';

type Components = Partial<Record<ComponentName, ManagedComponent>>;

/** The cluster object for a local sandbox, in which the tests control every process. */
export function localCluster(
  sandbox: Sandbox,
  tools: KubernetesTools,
  components: Components,
  log: (line: string) => void,
): Cluster {
  const capabilities = capabilitiesOf(sandbox);
  const all = withUnavailable(components, capabilities.reason);
  const forwards: Forward[] = [];
  const openForward: Cluster['forward'] = async (port, host) => {
    const opened = await forward(sandbox, host ?? nodeAddress, port);
    forwards.push(opened);
    return opened;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(forwards.map((opened) => opened.close()));
    await sandbox.destroy();
  };
  return {
    ...all,
    name: sandbox.name,
    nodeName: sandbox.name,
    kubeconfig: sandbox.path('admin.kubeconfig'),
    directory: sandbox.directory,
    enterNamespace: sandbox.enterNode,
    capabilities,
    kubectl: (args, options) => tools.kubectl(args, options),
    helm: (args, options) => tools.helm(args, options),
    apply: (manifest) => tools.apply(manifest),
    createNamespace: (name) => tools.createNamespace(name),
    exec: (command, args, options) => run([command, ...args], { prefix: sandbox.enterNode, ...options }),
    nodePath: (path) => sandbox.nodePath(path),
    forward: openForward,
    localKubeconfig: () => localKubeconfig(sandbox, openForward),
    buildImages: async (orders) => {
      if (!capabilities.images) throw new UnavailableError('building images', capabilities.reason);
      for (const order of orders) await publish(sandbox, await builtImage(order, log), order.tag);
    },
    loadBaseImages: () => loadTestImages(sandbox, log),
    logs: (component) => all[component].logFile,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function capabilitiesOf({ nodes }: Sandbox): Capabilities {
  const pods = nodes === 'full';
  const reason = pods ? '' : 'this cluster is a control plane without a node';
  return { components: true, pods, images: pods, node: true, certManagerOptions: true, reason };
}

/** The administrator's kubeconfig with the server's address replaced by that of a forward. */
async function localKubeconfig(sandbox: Sandbox, open: (port: number) => Promise<Forward>): Promise<string> {
  const { port } = await open(apiServerPort);
  const path = sandbox.path(`local-${port}.kubeconfig`);
  const inside = await readFile(sandbox.path('admin.kubeconfig'), 'utf8');
  await writeFile(path, inside.replace(apiServerUrl, `https://127.0.0.1:${port}`), { mode: 0o600 });
  return path;
}
