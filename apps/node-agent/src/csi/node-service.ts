import { NodeServiceCapability_RPC_Type } from '../../gen/csi/v1/csi.ts';
import type { NodeServer } from '../../gen/csi/v1/csi.ts';
import type { PublishContext, PublishRequest, UnpublishRequest } from '../volume/volume-requests.ts';
import { parsePublishRequest, parseUnpublishRequest } from './publish-request.ts';
import { unaryHandler } from './unary-handler.ts';
import type { CallObserver } from './unary-handler.ts';

/** The operations on volumes that the Node service uses. */
export interface PublishedVolumes {
  publish(request: PublishRequest, context: PublishContext): Promise<void>;
  unpublish(request: UnpublishRequest): Promise<void>;
}

/** CSI's Node service for inline ephemeral volumes: no staging, and the kubelet's fsGroup comes with the mount. */
export function nodeService(nodeId: string, volumes: PublishedVolumes, observer: CallObserver): NodeServer {
  const capabilities = [{ rpc: { type: NodeServiceCapability_RPC_Type.VOLUME_MOUNT_GROUP } }];
  return {
    nodePublishVolume: unaryHandler('NodePublishVolume', observer, async (request, context) => {
      await volumes.publish(parsePublishRequest(request), context);
      return {};
    }),
    nodeUnpublishVolume: unaryHandler('NodeUnpublishVolume', observer, async (request) => {
      await volumes.unpublish(parseUnpublishRequest(request));
      return {};
    }),
    nodeGetCapabilities: unaryHandler('NodeGetCapabilities', observer, () => Promise.resolve({ capabilities })),
    nodeGetInfo: unaryHandler('NodeGetInfo', observer, () => Promise.resolve({ nodeId, maxVolumesPerNode: 0 })),
  };
}
