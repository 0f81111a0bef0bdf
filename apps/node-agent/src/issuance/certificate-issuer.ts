import type { VolumeSpec } from '../spec/volume-spec.ts';

/** One request for a certificate. Nothing in it is secret but the token. */
export interface IssueRequest {
  /** Name of the request, chosen before it is sent: the same name again resumes the same request. */
  readonly requestName: string;
  readonly volumeId: string;
  readonly spec: VolumeSpec;
  /** PKCS#10, PEM. */
  readonly csrPem: string;
  /** The pod's service-account token, in token-request mode; used for the create alone. */
  readonly serviceAccountToken: string | undefined;
  /** Called once when the answer takes long, with what the request says of itself. */
  readonly onPending?: ((message: string) => void) | undefined;
}

/** What an issuer answers: PEM as it came, not yet verified. */
export interface IssuerResponse {
  readonly certificatePem: string;
  /** Empty when the issuer gives no CA. */
  readonly caPem: string;
}

/** Where certificates come from: cert-manager in a cluster, a local CA on one machine. */
export interface CertificateIssuer {
  /**
   * Creates the request, or resumes the one of that name, and resolves once it is signed. `onCreated` is called when the
   * request stands and its answer is waited for.
   * @throws CertfleetError permission-denied with reason RequestDenied when an approver denied it; failed-precondition
   *   with reason RequestFailed when the issuer gave up on it; deadline-exceeded with reason RequestPending, and the
   *   request's own last message, when the signal's deadline passed first (the request is kept, to be resumed);
   *   already-exists with reason RequestStale when the volume's request of that name asks for another key: discard it
   */
  issue(request: IssueRequest, signal: AbortSignal, onCreated?: () => void): Promise<IssuerResponse>;
  /** Deletes a request that this agent made for the volume; one that is gone or is not ours is left alone. */
  discard(request: Pick<IssueRequest, 'requestName' | 'volumeId' | 'spec'>): Promise<void>;
  stop(): Promise<void>;
}
