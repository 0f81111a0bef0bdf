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

/** Why the last attempt to issue failed. */
export interface IssuanceFailure {
  readonly at: Date;
  readonly reason: string;
  readonly message: string;
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
  /** `published` once the bind mount at the target stands. */
  readonly phase: 'created' | 'published';
  /** How many certificates were issued for the volume. */
  readonly generation: number;
  readonly issued?: IssuedFacts | undefined;
  readonly lastFailure?: IssuanceFailure | undefined;
  /** Until when the controller holds the renewal of this generation; the agent's own deadline waits for it. */
  readonly heldUntil?: Date | undefined;
}

/** What a renewal after a restart needs and nobody else may read. Lies beside the key, and goes with the volume. */
export interface VolumeSecrets {
  readonly keystorePassword?: Secret | undefined;
  /** As the kubelet sent them: JSON by audience. */
  readonly serviceAccountTokens?: Secret | undefined;
  /** PEM of the key of the next generation's request, while that was sent, or is about to be. */
  readonly pendingKeyPem?: Secret | undefined;
}
