/** The status of a PodCertificateRequest. */
export interface RequestStatus {
  readonly conditions: readonly {
    readonly type: 'Issued' | 'Denied';
    readonly status: 'True';
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
  }[];
  readonly certificateChain?: string;
  readonly notBefore?: string;
  readonly beginRefreshAt?: string;
  readonly notAfter?: string;
}
