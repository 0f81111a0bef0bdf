import { closedObject, integer, statusFields, text, withRules } from '@certfleet/shared/kube/kind-schema.ts';
import type { KindDefinition } from '@certfleet/shared/kube/kind-schema.ts';
import { keyUsages } from '@certfleet/shared/x509/key-usages.ts';
import { keyTypes } from '@certfleet/shared/x509/pod-certificate-key-type.ts';
import { Type } from 'typebox';
import type { Static } from 'typebox';

/** The limits of a lifetime in the API of PodCertificateRequests: one hour and 91 days. */
export const lifetimeBounds = { minSeconds: 3_600, maxSeconds: 7_862_400 } as const;

const pattern = (description: string): ReturnType<typeof Type.String> =>
  Type.String({ minLength: 1, maxLength: 253, description });
const template = (description: string, maxLength = 512): ReturnType<typeof Type.String> =>
  Type.String({ minLength: 1, maxLength, description });

const allowedSchema = closedObject({
  namespaces: Type.Array(pattern('Name of a namespace; `*` matches any text'), {
    minItems: 1,
    maxItems: 256,
    description: 'Namespaces of the pods',
  }),
  serviceAccounts: Type.Optional(
    Type.Array(pattern('Name of a ServiceAccount; `*` matches any text'), {
      minItems: 1,
      maxItems: 256,
      description: 'ServiceAccounts of the pods; all if absent',
    }),
  ),
});

const vaultSchema = closedObject({
  server: Type.String({
    maxLength: 253,
    pattern: '^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^https://\\[[0-9A-Fa-f:.]+\\](:[0-9]{1,5})?$',
    description: 'URL of Vault or OpenBao, without a path',
  }),
  path: Type.String({
    maxLength: 253,
    pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/sign/[A-Za-z0-9._-]+$',
    description: 'Path of the sign endpoint of a PKI role, such as `pki/sign/pods`',
  }),
  role: text("Role of Vault's Kubernetes authentication", 253),
  authMount: Type.Optional(
    Type.String({
      maxLength: 253,
      pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$',
      description: 'Mount of the Kubernetes authentication; `kubernetes` if absent',
    }),
  ),
  namespace: Type.Optional(text("Vault's namespace", 253)),
  caSecretName: Type.Optional(
    text("Secret in the signer's namespace whose ca.crt has the CAs of the server; those of the image if absent", 253),
  ),
});

const issuerSchema = closedObject(
  {
    secretName: Type.Optional(text("Secret of type kubernetes.io/tls with a CA, in the signer's namespace", 253)),
    vault: Type.Optional(vaultSchema),
  },
  {
    description: 'What signs the certificates: a CA in a Secret, or Vault or OpenBao',
    ...withRules({
      rule: 'has(self.secretName) != has(self.vault)',
      message: 'issuer needs either secretName or vault',
    }),
  },
);

const namesSchema = closedObject(
  {
    commonName: Type.Optional(template('Common name, at most 64 characters after the variables are replaced')),
    dnsNames: Type.Optional(
      Type.Array(template('A DNS name'), { minItems: 1, maxItems: 32, description: 'DNS names of each certificate' }),
    ),
    uris: Type.Optional(
      Type.Array(template('A URI', 1_024), { minItems: 1, maxItems: 8, description: 'URIs of each certificate' }),
    ),
  },
  {
    description:
      'Names of each certificate. Variables of the verified identity: $NODE_NAME, $POD_NAME, $POD_NAMESPACE, $POD_UID, $SERVICE_ACCOUNT_NAME',
    ...withRules({
      rule: 'has(self.commonName) || has(self.dnsNames) || has(self.uris)',
      message: 'names needs commonName, dnsNames or uris',
    }),
  },
);

const refinementsSchema = closedObject(
  {
    dnsNames: Type.Optional(
      Type.Array(template('A pattern; `*` matches one DNS label without a wildcard'), { minItems: 1, maxItems: 32 }),
    ),
    uris: Type.Optional(
      Type.Array(template('A pattern; `*` matches one segment of a path', 1_024), { minItems: 1, maxItems: 8 }),
    ),
  },
  {
    description:
      'Names that the annotations of a pod certificate may request in addition to `names`, with the same variables',
  },
);

const laneSchema = closedObject(
  {
    issuerRef: closedObject(
      {
        group: Type.Optional(text('API group of the issuer; cert-manager.io if absent')),
        kind: Type.Optional(text('Kind of the issuer; Issuer if absent')),
        name: Type.String({ minLength: 1, maxLength: 253, description: 'Name of the issuer' }),
        namespace: Type.Optional(
          Type.String({ minLength: 1, maxLength: 253, description: 'Its namespace; absent for a cluster-wide issuer' }),
        ),
      },
      {
        description: 'The issuer whose lane these certificates use',
        ...withRules(
          {
            rule: "has(self.namespace) || (has(self.kind) && self.kind != 'Issuer')",
            message: 'an Issuer needs its namespace',
          },
          {
            rule: "!has(self.namespace) || !has(self.kind) || self.kind != 'ClusterIssuer'",
            message: 'a ClusterIssuer has no namespace',
          },
        ),
      },
    ),
  },
  {
    description:
      'The lane of a cert-manager issuer with the same CA, in the renewal controller: one rate for both. Without it, the signer has a lane of its own',
  },
);

const specSchema = closedObject({
  signerName: Type.String({
    minLength: 3,
    maxLength: 571,
    pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$',
    description: 'Signer name of the requests. Names of kubernetes.io are reserved',
    ...withRules({
      rule: "!self.startsWith('kubernetes.io/') && !self.contains('.kubernetes.io/')",
      message: 'signer names of kubernetes.io are reserved',
    }),
  }),
  issuer: issuerSchema,
  lane: Type.Optional(laneSchema),
  allowed: Type.Array(allowedSchema, {
    minItems: 1,
    maxItems: 64,
    description: 'Pods that may have certificates: those that one of the entries matches',
  }),
  names: namesSchema,
  refinements: Type.Optional(refinementsSchema),
  keyTypes: Type.Optional(
    Type.Array(Type.Enum([...keyTypes]), {
      minItems: 1,
      maxItems: 6,
      description: 'Accepted key types; all if absent',
    }),
  ),
  maxLifetimeSeconds: Type.Optional(
    integer('Maximum lifetime, in seconds; 86400 if absent', lifetimeBounds.minSeconds, lifetimeBounds.maxSeconds),
  ),
  usages: Type.Optional(
    Type.Array(Type.Enum(keyUsages.filter((usage) => usage !== 'cert sign' && usage !== 'crl sign')), {
      minItems: 1,
      maxItems: 16,
      description: 'Usages of the certificates; digital signature, server auth and client auth if absent',
    }),
  ),
});

const statusSchema = Type.Object({ ...statusFields });

export type PodCertificateSignerSpec = Static<typeof specSchema>;

/** PodCertificateSigner: which pods get certificates of a signer name, with which names, and who signs them. */
export const podCertificateSignerKind: KindDefinition<typeof specSchema, typeof statusSchema> = {
  plural: 'podcertificatesigners',
  singular: 'podcertificatesigner',
  shortNames: ['podsigner'],
  description: 'Signs the pod certificates of a signer name by a policy.',
  spec: specSchema,
  status: statusSchema,
  columns: [
    { name: 'Signer name', type: 'string', jsonPath: '.spec.signerName' },
    { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].reason" },
    { name: 'Message', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].message", priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  problems: () => [],
};
