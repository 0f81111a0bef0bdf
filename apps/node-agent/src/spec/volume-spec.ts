/** The usages of cert-manager's API (certmanager.k8s.io KeyUsage), in its spelling. */
export type KeyUsage =
  | 'signing'
  | 'digital signature'
  | 'content commitment'
  | 'key encipherment'
  | 'key agreement'
  | 'data encipherment'
  | 'cert sign'
  | 'crl sign'
  | 'encipher only'
  | 'decipher only'
  | 'any'
  | 'server auth'
  | 'client auth'
  | 'code signing'
  | 'email protection'
  | 's/mime'
  | 'ipsec end system'
  | 'ipsec tunnel'
  | 'ipsec user'
  | 'timestamping'
  | 'ocsp signing'
  | 'microsoft sgc'
  | 'netscape sgc';

/** What kind of private key a volume asks for, and how its file is encoded. */
export interface KeySpec {
  readonly algorithm: 'RSA' | 'ECDSA' | 'Ed25519';
  /** Bits of the RSA modulus or of the NIST curve; 256 for Ed25519. */
  readonly size: number;
  readonly encoding: 'PKCS1' | 'PKCS8';
}

/** One attribute of a distinguished name: its object identifier in dotted form and its value. */
export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
}

/**
 * A distinguished name as X.501 encodes it: relative distinguished names in the certificate's order (the reverse of
 * RFC 4514's text), each a set of one attribute or more.
 */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** Names of the files that the volume shows; all distinct. */
export interface VolumeFiles {
  readonly certificate: string;
  readonly ca: string;
  readonly privateKey: string;
  /** Private key and chain in one; undefined where nobody asked for it. */
  readonly combinedPem: string | undefined;
}

/**
 * A PKCS#12 keystore beside the PEM files. `modern` is PBES2 AES-256 with a SHA-256 MAC, `legacy` 3DES with SHA-1. Its
 * password is none of the spec's: it lies among the volume's secrets, whoever chose it.
 */
export interface KeystoreSpec {
  readonly fileName: string;
  /** Shows the password, which the node makes; undefined when the user chose one. */
  readonly passwordFile: string | undefined;
  readonly profile: 'modern' | 'legacy';
}

/** The pod that a volume belongs to, as the kubelet tells it (podInfoOnMount). */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

/** A volume's attributes, parsed and validated once; frozen. Everything below the CSI layer works from this. */
export interface VolumeSpec {
  readonly pod: PodIdentity;
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
  readonly keystore: KeystoreSpec | undefined;
  /** Group that owns the files; undefined leaves it root's. */
  readonly fsGroup: number | undefined;
  /** Attributes of other groups, to be annotations of the CertificateRequest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What is legal but looks like a mistake, such as an attribute nobody knows. Shown to the user, never fatal. */
  readonly warnings: readonly string[];
}
