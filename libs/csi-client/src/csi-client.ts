import { createHash, randomUUID } from 'node:crypto';
import { credentials, Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import {
  IdentityClient,
  NodeClient,
  NodePublishVolumeRequest,
  VolumeCapability_AccessMode_Mode,
} from '../gen/csi/v1/csi.ts';
import { RegistrationClient } from '../gen/pluginregistration/v1/api.ts';

export interface InlineVolume {
  readonly volumeId: string;
  readonly targetPath: string;
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  readonly fsGroup?: number;
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface InlineVolumeSource {
  readonly targetPath: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly podName?: string;
  readonly namespace?: string;
  readonly podUid?: string;
  readonly serviceAccountName?: string;
  readonly fsGroup?: number;
}

/** A volume as the kubelet's CSI plugin describes it: the id is `csi-` and a SHA-256, the pod is in the context. */
export function inlineVolume(source: InlineVolumeSource): InlineVolume {
  const podUid = source.podUid ?? randomUUID();
  const namespace = source.namespace ?? 'default';
  const podName = source.podName ?? `pod-${podUid.slice(0, 8)}`;
  return {
    volumeId: `csi-${createHash('sha256').update(`${source.targetPath}${podUid}`).digest('hex')}`,
    targetPath: source.targetPath,
    readOnly: true,
    ...(source.fsGroup === undefined ? {} : { fsGroup: source.fsGroup }),
    volumeContext: {
      'csi.storage.k8s.io/ephemeral': 'true',
      'csi.storage.k8s.io/pod.name': podName,
      'csi.storage.k8s.io/pod.namespace': namespace,
      'csi.storage.k8s.io/pod.uid': podUid,
      'csi.storage.k8s.io/serviceAccount.name': source.serviceAccountName ?? 'default',
      ...source.attributes,
    },
  };
}

/** The kubelet's NodePublishVolume request (CSI 1.x). */
export function publishRequest(volume: InlineVolume): NodePublishVolumeRequest {
  return NodePublishVolumeRequest.fromPartial({
    volumeId: volume.volumeId,
    targetPath: volume.targetPath,
    readonly: volume.readOnly,
    volumeContext: volume.volumeContext,
    secrets: volume.secrets ?? {},
    volumeCapability: {
      mount: { volumeMountGroup: volume.fsGroup === undefined ? '' : String(volume.fsGroup) },
      accessMode: { mode: VolumeCapability_AccessMode_Mode.SINGLE_NODE_WRITER },
    },
  });
}

/** The kubelet has its own retries, and channel statistics cost more than the call. */
const channelOptions = { 'grpc.enable_retries': 0, 'grpc.enable_channelz': 0 };

/** Calls a CSI driver's socket as the kubelet does, for machines without Kubernetes and for tests. */
export class CsiClient {
  readonly #node: NodeClient;
  readonly #identity: IdentityClient;

  constructor(socketPath: string) {
    // Plain text, as the kubelet dials: the mode of the socket file protects it.
    this.#node = new NodeClient(`unix:${socketPath}`, credentials.createInsecure(), channelOptions);
    this.#identity = new IdentityClient(`unix:${socketPath}`, credentials.createInsecure(), channelOptions);
  }

  /** Waits until the driver accepts connections on its socket, at most `timeoutMs`. */
  async ready(timeoutMs: number): Promise<void> {
    await call((done) =>
      this.#identity.waitForReady(Date.now() + timeoutMs, (error) => done(error ?? null, undefined)),
    );
  }

  /** NodePublishVolume. The default timeout is the kubelet's, two minutes. */
  async publish(volume: InlineVolume, timeoutMs = 120_000): Promise<void> {
    const options = { deadline: Date.now() + timeoutMs };
    await call((done) => this.#node.nodePublishVolume(publishRequest(volume), new Metadata(), options, done));
  }

  async unpublish(volume: Pick<InlineVolume, 'volumeId' | 'targetPath'>): Promise<void> {
    await call((done) =>
      this.#node.nodeUnpublishVolume({ volumeId: volume.volumeId, targetPath: volume.targetPath }, done),
    );
  }

  async pluginName(): Promise<string> {
    return (await call<{ name: string }>((done) => this.#identity.getPluginInfo({}, done))).name;
  }

  close(): void {
    this.#node.close();
    this.#identity.close();
  }
}

/** Calls a plugin's registration socket as the kubelet's plugin watcher does. */
export class RegistrationCaller {
  readonly #registration: RegistrationClient;

  constructor(socketPath: string) {
    this.#registration = new RegistrationClient(`unix:${socketPath}`, credentials.createInsecure());
  }

  getInfo(): Promise<{ type: string; name: string; endpoint: string; supportedVersions: string[] }> {
    return call((done) => this.#registration.getInfo({}, done));
  }

  async notify(pluginRegistered: boolean, error: string): Promise<void> {
    await call((done) => this.#registration.notifyRegistrationStatus({ pluginRegistered, error }, done));
  }

  close(): void {
    this.#registration.close();
  }
}

function call<Response>(
  start: (done: (error: ServiceError | Error | null, response: Response) => void) => void,
): Promise<Response> {
  return new Promise((resolve, reject) =>
    start((error, response) => (error === null ? resolve(response) : reject(error))),
  );
}
