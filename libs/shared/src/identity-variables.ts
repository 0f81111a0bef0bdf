/** The identity of a pod, as the kubelet passes it or a PodCertificateRequest contains it. */
export interface IdentityScope {
  readonly pod: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly serviceAccountName: string;
  };
  readonly nodeName: string;
}

/** The variables of names that the identity of a pod gives. */
export const identityVariables: Readonly<Record<string, (scope: IdentityScope) => string>> = Object.freeze({
  NODE_NAME: ({ nodeName }: IdentityScope) => nodeName,
  POD_NAME: ({ pod }: IdentityScope) => pod.name,
  POD_NAMESPACE: ({ pod }: IdentityScope) => pod.namespace,
  POD_UID: ({ pod }: IdentityScope) => pod.uid,
  SERVICE_ACCOUNT_NAME: ({ pod }: IdentityScope) => pod.serviceAccountName,
});
