import type { Cluster } from '../../cluster/cluster.ts';
import type { SecretScanText } from '../../support/secret-scan.ts';

/** Every API object by kind, as YAML with managed fields: all kinds that can be listed, except Secrets. */
export async function apiObjects(cluster: Cluster): Promise<readonly SecretScanText[]> {
  const { stdout } = await cluster.kubectl(['api-resources', '--verbs=list', '--output=name']);
  const kinds = stdout.split('\n').filter((kind) => kind !== '' && kind !== 'secrets');
  for (const kind of ['certificaterequests.cert-manager.io', 'events', 'pods']) {
    if (!kinds.includes(kind)) throw new Error(`the API has no kind ${kind}`);
  }
  const list = async (kind: string): Promise<SecretScanText> => {
    const get = ['get', kind, '--all-namespaces', '--show-managed-fields', '--output=yaml'];
    return { where: kind, text: (await cluster.kubectl(get)).stdout };
  };
  return Promise.all(kinds.map(list));
}
