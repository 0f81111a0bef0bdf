import { podNetwork } from '../cluster/node/containerd.ts';
import { waitUntil } from '../cluster/wait.ts';
import type { DockerEngine } from '../docker/docker-engine.ts';

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly podCIDR?: string };
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
  };
}

/**
 * Gives each node its assigned addresses and routes to the pods of all others, like kind's own pod network. Resolves
 * when all nodes are Ready.
 */
export async function setUpPodNetwork(engine: DockerEngine, controlPlane: string): Promise<void> {
  const onNode = (node: string, argv: readonly string[], input = ''): Promise<{ readonly stdout: string }> =>
    engine.run(['docker', 'exec', '--interactive', node, ...argv], { input });
  const list = async (): Promise<readonly NodeObject[]> => {
    const { stdout } = await onNode(controlPlane, ['kubectl', 'get', 'nodes', '--output=json']);
    return (JSON.parse(stdout) as { readonly items: readonly NodeObject[] }).items;
  };
  const every = (isSo: (node: NodeObject) => boolean) => async (): Promise<boolean> => (await list()).every(isSo);
  const hasRange = every(({ spec }) => spec.podCIDR !== undefined);
  await waitUntil('the nodes to have addresses for pods', hasRange, { timeoutMs: 180_000, intervalMs: 500 });
  const nodes = await list();
  for (const { metadata, spec } of nodes) {
    for (const other of nodes.filter((node) => node.metadata.name !== metadata.name)) {
      await onNode(metadata.name, ['ip', 'route', 'add', other.spec.podCIDR ?? '', 'via', internalAddress(other)]);
    }
    const write = ['sh', '-c', 'mkdir -p /etc/cni/net.d && cat > /etc/cni/net.d/10-pods.conflist'];
    await onNode(metadata.name, write, JSON.stringify(podNetwork(spec.podCIDR ?? '')));
  }
  const isReady = every(({ status }) =>
    status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
  );
  await waitUntil('the nodes to be Ready', isReady, { timeoutMs: 180_000, intervalMs: 500 });
}

function internalAddress({ metadata, status }: NodeObject): string {
  const found = status.addresses.find(({ type }) => type === 'InternalIP');
  if (found === undefined) throw new Error(`${metadata.name} has no internal address`);
  return found.address;
}
