import type { Secret } from '@certfleet/shared/secret.ts';

/** A NodePublishVolume request, checked in form. */
export interface PublishRequest {
  readonly volumeId: string;
  /** Absolute and normalised; where the pod's containers will find the files. */
  readonly targetPath: string;
  /** The volume context without its tokens; it may hold a keystore password. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The pod's fsGroup as the kubelet writes it; empty when the pod has none. */
  readonly volumeMountGroup: string;
  /** JSON by audience, as the kubelet sends it; undefined outside of token-request mode. */
  readonly serviceAccountTokens: Secret | undefined;
}

/** A NodeUnpublishVolume request, checked in form. */
export interface UnpublishRequest {
  readonly volumeId: string;
  readonly targetPath: string;
}

/** Who waits for a publish, and until when. */
export interface PublishContext {
  /** Aborted when the caller hangs up. */
  readonly signal: AbortSignal;
  /** When the caller gives up, in milliseconds on the monotonic clock; Infinity when it set no deadline. */
  readonly deadlineMs: number;
}
