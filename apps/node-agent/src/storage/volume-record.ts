import type { Secret } from '@certfleet/shared/secret.ts';

/** Fields of a certificate and its CA. */
export interface CertificateFacts {
  /** Hexadecimal, as in the certificate. */
  readonly serialNumber: string;
  readonly fingerprintSha256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of each CA certificate that the issuer returned; empty if it returned none. */
  readonly caFingerprintsSha256: readonly string[];
}

/** The volume's current certificate. */
export interface IssuedFacts extends CertificateFacts {
  /** Undefined in an adopted volume: csi-driver did not record it. */
  readonly requestName: string | undefined;
  readonly issuedAt: Date;
  readonly renewAt: Date;
  /** The pod's addresses with which it was requested (POD_IPS); undefined if they were not known. */
  readonly podAddresses?: string | undefined;
}

/** Why the last attempt to issue failed, and when the next one is allowed. */
export interface IssuanceFailure {
  readonly at: Date;
  /** The first failed attempt since the last success; absent in records of earlier agents, which did not store it. */
  readonly since?: Date | undefined;
  readonly reason: string;
  readonly message: string;
  /** Failed attempts since the last success. */
  readonly attempts: number;
  /** When the next attempt was planned, on the wall clock of that time; only its distance from `at` is used. */
  readonly retryAt?: Date | undefined;
}

/** The CertificateRequests for the next generation. Absent until the first of them has to be resumed or replaced. */
export interface RequestProgress {
  /** Number of requests abandoned since the last success; it is part of the next request's name. */
  readonly abandoned: number;
  /** How many of them were refused for good (denied, failed, or answered with an unusable certificate). */
  readonly refusals: number;
  /** When the current request was first sent, or last seen without approval; undefined if it was not sent. */
  readonly sentAt?: Date | undefined;
}

/** The certificates that one source of additional trust gave a volume. */
export interface TrustSource {
  /** Kind and name, for example `CARotation/corporate` or `ConfigMap/roots/ca.crt`. */
  readonly source: string;
  /** SHA-256 of each certificate, also of those that are the volume's own CA. The CA file contains them. */
  readonly fingerprints: readonly string[];
}

/** The additional trust of a volume. */
export interface VolumeTrust {
  /** The certificate that `ownCaFingerprints` belongs to: the volume's current one, or the one being published. */
  readonly certificateSha256: string;
  /** Of the certificates in the CA file that the issuer returned with that certificate; the file begins with them. */
  readonly ownCaFingerprints: readonly string[];
  readonly sources: readonly TrustSource[];
}

/** The state of a volume that a restarted agent needs, except its secrets. Frozen; stored as volume.json. */
export interface VolumeRecord {
  readonly volumeId: string;
  readonly targetPath: string;
  /** The volume context without the values that `splitSecrets` removes. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The pod's fsGroup as the kubelet writes it; empty if the pod has none. */
  readonly volumeMountGroup: string;
  /** Values of the pod's object that the attributes use; absent without such variables. */
  readonly podValues?: Readonly<Record<string, string>> | undefined;
  readonly createdAt: Date;
  /**
   * `published` from just before the first bind mount at the target until unpublish: a pod may be using the volume.
   * Only unpublish removes such a volume.
   */
  readonly phase: 'created' | 'published';
  /** How many certificates were issued for the volume. */
  readonly generation: number;
  readonly issued?: IssuedFacts | undefined;
  readonly lastFailure?: IssuanceFailure | undefined;
  /** Until when the controller defers the renewal of this generation; the agent's own deadline moves accordingly. */
  readonly deferredUntil?: Date | undefined;
  readonly request?: RequestProgress | undefined;
  /** Names of requests that are no longer needed and still have to be deleted; bounded. */
  readonly obsoleteRequests?: readonly string[] | undefined;
  /**
   * The last generation that the processes of the pod know: they started with it, or were signalled after it. An earlier
   * one if the CA file has changed since, without a new certificate. Undefined if the pod is neither signalled nor
   * rolled, or an earlier version of the agent mounted the volume.
   */
  readonly signalledGeneration?: number | undefined;
  /** Written before the files. Undefined if the CA file contains only the CA that the issuer returned. */
  readonly trust?: VolumeTrust | undefined;
}

/** Secret values that a renewal after a restart needs. Stored next to the key and removed with the volume. */
export interface VolumeSecrets {
  /** Password of the PKCS#12 stores. It stays the same for the life of the volume, whatever its source. */
  readonly pkcs12Password?: Secret | undefined;
  readonly jksPassword?: Secret | undefined;
  /** As the kubelet sent them: JSON by audience. */
  readonly serviceAccountTokens?: Secret | undefined;
  /** PEM of the private key of the next generation's request, from just before it is sent. */
  readonly pendingKeyPem?: Secret | undefined;
}
