import type { VolumeSpec } from '../spec/volume-spec.ts';

/** One request for a certificate. Only the token is secret. */
export interface IssueRequest {
  /** Name of the request, chosen before it is sent: the same name resumes the same request. */
  readonly requestName: string;
  readonly volumeId: string;
  readonly spec: VolumeSpec;
  /** PKCS#10, PEM. */
  readonly csrPem: string;
  /** The pod's service-account token in token-request mode; used for the create only. */
  readonly serviceAccountToken: string | undefined;
  /** Called once if the issuer does not answer soon, with the status message of the request. */
  readonly onPending?: ((message: string) => void) | undefined;
}

/** The issuer's response: unverified PEM. */
export interface IssuerResponse {
  readonly certificatePem: string;
  /** Empty if the issuer returns no CA. */
  readonly caPem: string;
}

/** Source of certificates: cert-manager in a cluster, a local CA on a single machine. */
export interface CertificateIssuer {
  /**
   * Creates the request, or resumes the one of that name, and resolves once it is signed. `onCreated` is called when
   * the request exists and the wait for its result begins.
   * @throws CertfleetError permission-denied with reason RequestDenied if an approver denied it; failed-precondition
   * with reason RequestFailed if the issuer rejected it; deadline-exceeded with reason RequestPending and the
   * request's last status message if the signal timed out first (the request is kept, to be resumed);
   * already-exists with reason RequestStale if the volume's request of that name has another key: discard it
   */
  issue(request: IssueRequest, signal: AbortSignal, onCreated?: () => void): Promise<IssuerResponse>;
  /** Deletes a request that this agent made for the volume; does nothing if it is gone or belongs to another volume. */
  discard(request: Pick<IssueRequest, 'requestName' | 'volumeId' | 'spec'>): Promise<void>;
  /**
   * Names of the requests that the volume had when the agent started, as far as they are known by now; empty in further
   * calls. They include the requests that its record names.
   */
  takeRequestsAtStart(volumeId: string): readonly string[];
  stop(): Promise<void>;
}
