import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';
import { listAll } from '@certfleet/shared/kube/list-all.ts';
import { exactName } from '../fleet-index/query/name-pattern.ts';
import type { VolumeSelection } from '../fleet-index/query/volume-selection.ts';
import type { SelectionRequest } from '@certfleet/operator-api/renewals.ts';

/** Resolves a selection request. A label selector is resolved to the matching pods at the time of the request. */
export type SelectVolumes = (request: SelectionRequest) => Promise<VolumeSelection>;

/** @param client undefined without Kubernetes; label selectors are then rejected */
export function volumeSelector(client: Pick<KubeClient, 'request'> | undefined): SelectVolumes {
  return async ({ labelSelector, issuedBefore, ...selection }) => ({
    ...selection,
    ...(issuedBefore === undefined ? {} : { issuedBeforeMs: Date.parse(issuedBefore) }),
    ...(labelSelector === undefined
      ? {}
      : { labelSelector, podUids: await podUids(client, labelSelector, exactName(selection.namespace)) }),
  });
}

async function podUids(
  client: Pick<KubeClient, 'request'> | undefined,
  labelSelector: string,
  namespace: string | undefined,
): Promise<readonly string[]> {
  if (client === undefined) {
    throw new CertfleetError(
      'failed-precondition',
      'label selectors need Kubernetes, and the controller runs without it',
    );
  }
  const { objects } = await listAll(
    client,
    { resource: pods, query: { labelSelector }, ...(namespace === undefined ? {} : { namespace }) },
    (raw) => (raw as { readonly metadata?: { readonly uid?: string } }).metadata?.uid,
  );
  return objects;
}
