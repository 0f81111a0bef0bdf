import type { Secret } from '@certfleet/shared/secret.ts';
import type { SecretData } from '../spec/keystore-spec.ts';

/** A validated NodePublishVolume request. */
export interface PublishRequest {
  readonly volumeId: string;
  /** Absolute and normalised; where the pod's containers find the files. */
  readonly targetPath: string;
  /** The volume context without its tokens; it may contain a keystore password. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The pod's fsGroup as the kubelet writes it; empty if the pod has none. */
  readonly volumeMountGroup: string;
  /** The Secret that the volume's nodePublishSecretRef names, read by the kubelet; empty without one. */
  readonly secretData: SecretData;
  /** JSON by audience, as the kubelet sends it; undefined without token-request mode. */
  readonly serviceAccountTokens: Secret | undefined;
}

/** A validated NodeUnpublishVolume request. */
export interface UnpublishRequest {
  readonly volumeId: string;
  readonly targetPath: string;
}

/** Cancellation and deadline of the caller of a publish. */
export interface PublishContext {
  /** Aborted when the caller cancels. */
  readonly signal: AbortSignal;
  /** When the caller's deadline ends, in milliseconds on the monotonic clock; Infinity without a deadline. */
  readonly deadlineMs: number;
}
