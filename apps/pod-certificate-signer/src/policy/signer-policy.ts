import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { IdentityScope } from '@certfleet/shared/identity-variables.ts';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { wildcard } from '@certfleet/shared/wildcard.ts';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';
import { keyTypes } from '@certfleet/shared/x509/pod-certificate-key-type.ts';
import type { KeyType } from '@certfleet/shared/x509/pod-certificate-key-type.ts';
import { Compile } from 'typebox/compile';
import { podCertificateSignerKind } from '../kind/pod-certificate-signer-kind.ts';
import type { PodCertificateSignerSpec } from '../kind/pod-certificate-signer-kind.ts';
import { checkedNames, expandTemplate } from './certificate-names.ts';
import type { CertificateNames } from './certificate-names.ts';
import { namePattern } from './name-pattern.ts';

/** How Vault or OpenBao signs. */
export type VaultSpec = NonNullable<PodCertificateSignerSpec['issuer']['vault']>;

/** What signs: the CA of a Secret in the signer's namespace, or Vault. */
export type IssuerSpec = { readonly secretName: string } | { readonly vault: VaultSpec };

/** A cert-manager issuer; the namespace of a cluster-wide one is empty. */
interface LaneIssuer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** A valid PodCertificateSigner. */
export interface SignerPolicy {
  /** Of the object. */
  readonly name: string;
  readonly signerName: string;
  readonly issuer: IssuerSpec;
  /** The cert-manager issuer whose lane it uses; undefined for a lane of its own. */
  readonly lane: LaneIssuer | undefined;
  readonly keyTypes: readonly KeyType[];
  readonly maxLifetimeSeconds: number;
  readonly usages: readonly KeyUsage[];
  /** Whether a pod may have certificates. */
  allows(identity: IdentityScope): boolean;
  /**
   * The names of a pod's certificate if its author requests no others.
   * @throws CertfleetError invalid-argument if a name of this pod cannot be in a certificate
   */
  namesOf(identity: IdentityScope): CertificateNames;
  /** Whether the author of a pod may request a name. */
  mayRequest(kind: 'dns' | 'uri', name: string, identity: IdentityScope): boolean;
}

/** An object of the API server; its spec may have been valid for an earlier schema only. */
export interface SignerObject {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly spec: unknown;
  readonly status: unknown;
}

const validator = Compile(podCertificateSignerKind.spec);
const maxProblems = 5;
const defaultLifetimeSeconds = 86_400;
const defaultUsages: readonly KeyUsage[] = ['digital signature', 'server auth', 'client auth'];

/** An identity whose parts are short, to check templates before the first request. */
const exampleIdentity: IdentityScope = {
  pod: { name: 'p', namespace: 'n', uid: '0', serviceAccountName: 's' },
  nodeName: 'node',
};

/** Reads an object of the API server; undefined if it is none. */
export function parseSignerObject(raw: unknown): SignerObject | undefined {
  const { metadata, spec, status } = (raw ?? {}) as { metadata?: ObjectMeta; spec?: unknown; status?: unknown };
  const { name, uid, resourceVersion, generation } = metadata ?? {};
  if (name === undefined || uid === undefined || resourceVersion === undefined) return undefined;
  return { name, uid, resourceVersion, generation: generation ?? 1, spec, status };
}

/**
 * Compiles the policy of a PodCertificateSigner.
 * @throws CertfleetError invalid-argument that names the wrong fields
 */
export function compilePolicy({ name, spec }: SignerObject): SignerPolicy {
  if (!validator.Check(spec)) {
    const problems = validator.Errors(spec).map(({ instancePath, message }) => {
      return `spec${instancePath.replaceAll('/', '.')}: ${message}`;
    });
    throw new CertfleetError('invalid-argument', [...new Set(problems)].slice(0, maxProblems).join('; '));
  }
  const policy = policyOf(name, spec);
  checkTemplates(policy, spec);
  return policy;
}

function policyOf(name: string, spec: PodCertificateSignerSpec): SignerPolicy {
  const { names, refinements } = spec;
  const entries = spec.allowed.map(({ namespaces, serviceAccounts = ['*'] }) => ({
    namespaces: namespaces.map(wildcard),
    serviceAccounts: serviceAccounts.map(wildcard),
  }));
  const namesOf = (identity: IdentityScope): CertificateNames => {
    const expanded = (templates: readonly string[] = []): string[] =>
      templates.map((template) => expandTemplate(template, identity));
    return checkedNames({
      commonName: names.commonName === undefined ? undefined : expandTemplate(names.commonName, identity),
      dnsNames: expanded(names.dnsNames),
      uris: expanded(names.uris),
    });
  };
  return {
    name,
    signerName: spec.signerName,
    issuer: issuerOf(spec),
    lane: laneIssuerOf(spec),
    keyTypes: spec.keyTypes ?? keyTypes,
    maxLifetimeSeconds: spec.maxLifetimeSeconds ?? defaultLifetimeSeconds,
    usages: spec.usages ?? defaultUsages,
    allows: ({ pod }) =>
      entries.some(
        ({ namespaces, serviceAccounts }) =>
          namespaces.some((matches) => matches(pod.namespace)) &&
          serviceAccounts.some((matches) => matches(pod.serviceAccountName)),
      ),
    namesOf,
    mayRequest: (kind, requested, identity) => {
      const own = namesOf(identity);
      const [fixed, patterns] = kind === 'dns' ? [own.dnsNames, refinements?.dnsNames] : [own.uris, refinements?.uris];
      if (fixed.includes(requested)) return true;
      return (patterns ?? []).some((each) => namePattern(kind, expandTemplate(each, identity))(requested));
    },
  };
}

function issuerOf({ issuer: { secretName, vault } }: PodCertificateSignerSpec): IssuerSpec {
  if (secretName !== undefined && vault === undefined) return { secretName };
  if (vault !== undefined && secretName === undefined) return { vault };
  throw new CertfleetError('invalid-argument', 'spec.issuer: expected either secretName or vault');
}

function laneIssuerOf({ lane }: PodCertificateSignerSpec): LaneIssuer | undefined {
  if (lane === undefined) return undefined;
  const { group = 'cert-manager.io', kind = 'Issuer', name, namespace = '' } = lane.issuerRef;
  if ((kind === 'Issuer' && namespace === '') || (kind === 'ClusterIssuer' && namespace !== ''))
    throw new CertfleetError(
      'invalid-argument',
      'spec.lane.issuerRef: expected the namespace of an Issuer, and none of a ClusterIssuer',
    );
  return { group, kind, namespace, name };
}

/** An unknown variable is a problem of the object, not of the requests. */
function checkTemplates(policy: SignerPolicy, { refinements }: PodCertificateSignerSpec): void {
  policy.namesOf(exampleIdentity);
  for (const each of [...(refinements?.dnsNames ?? []), ...(refinements?.uris ?? [])])
    expandTemplate(each, exampleIdentity);
}
