import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';
import { listAll } from '@certfleet/shared/kube/list-all.ts';
import type { VolumeSelection } from '../fleet-index/volume-selection.ts';
import type { SelectionRequest } from '@certfleet/operator-api/renewals.ts';

/** Turns what an operator asked for into a selection of volumes; a label selector becomes the pods that it means now. */
export type SelectVolumes = (request: SelectionRequest) => Promise<VolumeSelection>;

/** @param client undefined without Kubernetes, where no pod has labels */
export function volumeSelector(client: Pick<KubeClient, 'request'> | undefined): SelectVolumes {
  return async ({ labelSelector, issuedBefore, ...selection }) => ({
    ...selection,
    ...(issuedBefore === undefined ? {} : { issuedBeforeMs: Date.parse(issuedBefore) }),
    ...(labelSelector === undefined
      ? {}
      : { labelSelector, podUids: await podUids(client, labelSelector, selection.namespace) }),
  });
}

async function podUids(
  client: Pick<KubeClient, 'request'> | undefined,
  labelSelector: string,
  namespace: string | undefined,
): Promise<readonly string[]> {
  if (client === undefined) {
    throw new CertfleetError('failed-precondition', 'expected a cluster to select pods in, found none');
  }
  const { objects } = await listAll(
    client,
    { resource: pods, query: { labelSelector }, ...(namespace === undefined ? {} : { namespace }) },
    (raw) => (raw as { readonly metadata?: { readonly uid?: string } }).metadata?.uid,
  );
  return objects;
}
