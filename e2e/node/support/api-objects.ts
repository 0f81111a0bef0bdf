import type { ApiResource } from '../../../libs/shared/src/kube/api-resource.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import type { SecretScanText } from '../../support/secret-scan.ts';
import { readApi } from './api-reader.ts';

/** `apps/v1` or `v1`, a column of the table. */
const versionGrammar = /^(?:(?<group>[a-z0-9.-]+)\/)?(?<version>v\d\w*)$/;

/** A row of `kubectl api-resources`. */
function resourceOf(row: string): readonly ApiResource[] {
  const [plural = '', ...columns] = row.split(/\s+/);
  for (const column of columns) {
    const { group = '', version } = versionGrammar.exec(column)?.groups ?? {};
    if (version !== undefined) return [{ group, version, plural }];
  }
  return [];
}

/** Every API object by kind, with managed fields: all kinds that can be listed, except Secrets. */
export async function apiObjects(cluster: Cluster): Promise<readonly SecretScanText[]> {
  const { stdout } = await cluster.kubectl(['api-resources', '--verbs=list', '--no-headers']);
  const kinds = stdout.split('\n').flatMap(resourceOf);
  const wanted = kinds.filter(({ group, plural }) => group !== '' || plural !== 'secrets');
  for (const plural of ['certificaterequests', 'events', 'pods']) {
    if (!wanted.some((kind) => kind.plural === plural)) throw new Error(`the API has no kind ${plural}`);
  }
  const list = async (resource: ApiResource): Promise<SecretScanText> => {
    const { group, plural } = resource;
    const where = group === '' ? plural : `${plural}.${group}`;
    return { where, text: JSON.stringify(await readApi<object>(cluster, { resource }), null, 2) };
  };
  return Promise.all(wanted.map(list));
}
