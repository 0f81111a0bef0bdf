import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';

const secrets: ApiResource = { group: '', version: 'v1', plural: 'secrets' };
const timeoutMs = 10_000;

/** The entries of a Secret, in base64. */
export async function readSecret(
  client: Pick<KubeClient, 'request'>,
  namespace: string,
  name: string,
): Promise<Readonly<Record<string, unknown>>> {
  const secret = await client.request({ verb: 'get', resource: secrets, namespace, name, timeoutMs });
  return (secret as { readonly data?: Readonly<Record<string, unknown>> }).data ?? {};
}
