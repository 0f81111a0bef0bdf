import type { Secret } from '@certfleet/shared/secret.ts';

/** What a certificate says about itself and its CA. */
export interface CertificateFacts {
  /** Hexadecimal, as in the certificate. */
  readonly serialNumber: string;
  readonly fingerprintSha256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of each certificate in the CA file; empty when there is none. */
  readonly caFingerprintsSha256: readonly string[];
}

/** The certificate that lies in the volume. */
export interface IssuedFacts extends CertificateFacts {
  /** Undefined in an adopted volume: its former driver did not note it. */
  readonly requestName: string | undefined;
  readonly issuedAt: Date;
  readonly renewAt: Date;
}

/** Why the last attempt to issue failed, and when the next one is allowed. */
export interface IssuanceFailure {
  readonly at: Date;
  readonly reason: string;
  readonly message: string;
  /** Failed attempts since the last success. */
  readonly attempts: number;
  /** When the next attempt was planned for, by the wall clock of that moment; only its distance from `at` is relied on. */
  readonly retryAt?: Date | undefined;
}

/** The CertificateRequests made for the next generation. Absent while the first of them was not yet needed again. */
export interface RequestProgress {
  /** Requests given up since the last success: each one more changes the name of the next. */
  readonly abandoned: number;
  /** How many of them were refused for good (denied, failed, answered with an unusable certificate). */
  readonly refusals: number;
  /** When the present request was first sent; undefined when it was not. */
  readonly sentAt?: Date | undefined;
}

/** All that a restarted agent must know of a volume, but its secrets. Frozen; written as volume.json. */
export interface VolumeRecord {
  readonly volumeId: string;
  readonly targetPath: string;
  /** The volume context as it came, without what `splitSecrets` takes out. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The pod's fsGroup as the kubelet writes it; empty when the pod has none. */
  readonly volumeMountGroup: string;
  readonly createdAt: Date;
  /**
   * `published` from just before the first bind mount at the target until unpublish: a pod may be using the volume.
   * Nothing but unpublish removes such a volume.
   */
  readonly phase: 'created' | 'published';
  /** How many certificates were issued for the volume. */
  readonly generation: number;
  readonly issued?: IssuedFacts | undefined;
  readonly lastFailure?: IssuanceFailure | undefined;
  /** Until when the controller holds the renewal of this generation; the agent's own deadline waits for it. */
  readonly deferredUntil?: Date | undefined;
  readonly request?: RequestProgress | undefined;
  /** Names of requests that are no longer needed and still to be deleted; bounded. */
  readonly obsoleteRequests?: readonly string[] | undefined;
}

/** What a renewal after a restart needs and nobody else may read. Lies beside the key, and goes with the volume. */
export interface VolumeSecrets {
  readonly keystorePassword?: Secret | undefined;
  /** As the kubelet sent them: JSON by audience. */
  readonly serviceAccountTokens?: Secret | undefined;
  /** PEM of the key of the next generation's request, while that was sent, or is about to be. */
  readonly pendingKeyPem?: Secret | undefined;
}
