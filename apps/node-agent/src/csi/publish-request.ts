import { isAbsolute, normalize } from 'node:path';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import type { NodePublishVolumeRequest, NodeUnpublishVolumeRequest } from '../../gen/csi/v1/csi.ts';
import type { PublishRequest, UnpublishRequest } from '../volume/volume-requests.ts';

/**
 * Key of the tokens that CSIDriver.tokenRequests asks for: in the volume context, or from Kubernetes 1.35 on in the
 * secrets.
 */
export const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

/** The error of a volume that is not read-only. */
export const readOnlyWords = "pod.spec.volumes[].csi.readOnly must be set to 'true'";

/**
 * Validates a NodePublishVolume request against the CSI specification and this driver's rules, except the attributes.
 */
export function parsePublishRequest(request: NodePublishVolumeRequest): PublishRequest {
  const { mount, block } = request.volumeCapability ?? {};
  if (request.volumeCapability === undefined) throw missing('volume_capability');
  if (block !== undefined) throw invalid('expected a mounted volume, found access type block');
  if (mount === undefined) throw missing('volume_capability.mount');
  const { volumeId, targetPath } = parseUnpublishRequest(request);
  if (!request.readonly) throw invalid(readOnlyWords);
  const { [tokensKey]: contextTokens, ...attributes } = request.volumeContext;
  // A Secret cannot contain the tokens' key: the keys of its data have no "/".
  const { [tokensKey]: secretTokens, ...secretData } = request.secrets;
  const tokens = secretTokens ?? contextTokens;
  return {
    volumeId,
    targetPath,
    attributes,
    volumeMountGroup: mount.volumeMountGroup,
    secretData: Object.fromEntries(Object.entries(secretData).map(([key, value]) => [key, new Secret(value)])),
    serviceAccountTokens: tokens === undefined ? undefined : new Secret(tokens),
  };
}

/**
 * Validates the common fields of NodePublishVolume and NodeUnpublishVolume. The store validates the volume id's
 * characters.
 */
export function parseUnpublishRequest(
  request: Pick<NodeUnpublishVolumeRequest, 'volumeId' | 'targetPath'>,
): UnpublishRequest {
  const { volumeId, targetPath } = request;
  if (volumeId === '') throw missing('volume_id');
  if (targetPath === '') throw missing('target_path');
  if (!isAbsolute(targetPath) || targetPath.includes('\0') || targetPath.split('/').includes('..')) {
    throw invalid(`target_path: expected an absolute path without "..", found ${JSON.stringify(targetPath)}`);
  }
  return { volumeId, targetPath: normalize(targetPath).replace(/(?<=.)\/$/, '') };
}

function missing(field: string): CertfleetError {
  return invalid(`${field}: required, found nothing`);
}

function invalid(message: string): CertfleetError {
  return new CertfleetError('invalid-argument', message);
}
