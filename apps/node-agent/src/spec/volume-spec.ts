import type { DistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';
import type { PodVariableUse } from './pod-variables.ts';

/** The private key that a volume requests, and the encoding of its file. */
export interface KeySpec {
  readonly algorithm: 'RSA' | 'ECDSA' | 'Ed25519';
  /** Bits of the RSA modulus or of the NIST curve; 256 for Ed25519. */
  readonly size: number;
  readonly encoding: 'PKCS1' | 'PKCS8';
}

/** Names of the volume's files; all distinct. */
interface VolumeFiles {
  readonly certificate: string;
  readonly ca: string;
  readonly privateKey: string;
  /** Private key and chain in one file; undefined unless requested. */
  readonly combinedPem: string | undefined;
  /** Written in place after each issuance; undefined unless requested. */
  readonly reloadMarker: string | undefined;
}

/** The formats of keystores and truststores. */
export type StoreFormat = 'pkcs12' | 'jks';

/** How a PKCS#12 store is protected, by the names of cert-manager's Certificate. */
export type Pkcs12Profile = 'Modern2023' | 'LegacyDES' | 'LegacyRC2';

/**
 * A keystore, a truststore or both of one format, in addition to the PEM files. The password of both is not part of the
 * spec: it is one of the volume's secrets.
 */
export interface StoreSpec {
  readonly keystoreFile: string | undefined;
  readonly truststoreFile: string | undefined;
  /** File of the password that the node generates; undefined if it has another source. */
  readonly passwordFile: string | undefined;
  /** Of the keystore's key. */
  readonly alias: string | undefined;
}

export interface Pkcs12Spec extends StoreSpec {
  readonly profile: Pkcs12Profile;
}

export interface JksSpec extends StoreSpec {
  readonly alias: string;
}

/** Where the pod serves the certificate, for the agent's probes. */
export interface ProbeSpec {
  readonly port: number;
  /** Name for the TLS extension server_name (RFC 6066); undefined sends none. */
  readonly serverName: string | undefined;
}

/** Signals that programs use to load their files again. */
export type ReloadSignal = 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';

/** The signal after each renewal. */
export interface ReloadSpec {
  readonly signal: ReloadSignal;
  /** Names of the containers that get it; empty means all. */
  readonly containers: readonly string[];
}

/** A source of additional trust: an object in the pod's namespace, or of the cluster. */
export type TrustRef =
  | { readonly kind: 'ConfigMap'; readonly name: string; readonly key: string }
  | { readonly kind: 'ClusterTrustBundle'; readonly name: string };

/** The pod of a volume, as the kubelet passes it (podInfoOnMount). */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

/** A volume's attributes, parsed and validated once; frozen. Every layer below CSI uses this. */
export interface VolumeSpec {
  readonly pod: PodIdentity;
  /** An attribute that uses an unknown one is unset here; no certificate is requested until it is known. */
  readonly podVariables: PodVariableUse;
  readonly issuer: { readonly name: string; readonly kind: string; readonly group: string };
  readonly subject: DistinguishedName;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly durationMs: number;
  /** How long before not-after to renew; undefined means a third of the certificate's actual lifetime. */
  readonly renewBeforeMs: number | undefined;
  readonly isCa: boolean;
  readonly keyUsages: readonly KeyUsage[];
  readonly key: KeySpec;
  readonly reusePrivateKey: boolean;
  readonly files: VolumeFiles;
  /** Undefined if the agent must not probe the pod. */
  readonly probe: ProbeSpec | undefined;
  /** Undefined if no process is to be signalled. */
  readonly reload: ReloadSpec | undefined;
  /** Whether the controller rolls the workload of the pod after each renewal. */
  readonly rollsWorkload: boolean;
  /** Sources of CA certificates in addition to the issuer's; empty if there are none or the agent reads none. */
  readonly trust: readonly TrustRef[];
  readonly pkcs12: Pkcs12Spec | undefined;
  readonly jks: JksSpec | undefined;
  /** User that owns the files; undefined means root. */
  readonly fsUser: number | undefined;
  /** Group that owns the files; undefined means root's. */
  readonly fsGroup: number | undefined;
  /** Permission bits of the files without secrets. */
  readonly fileMode: number;
  /** Permission bits of the files with the private key or a password. */
  readonly privateFileMode: number;
  /** Attributes of other groups, which become annotations of the CertificateRequest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Attributes that are accepted but are probably a mistake, such as unknown ones. Shown to the user, never fatal. */
  readonly warnings: readonly string[];
}
