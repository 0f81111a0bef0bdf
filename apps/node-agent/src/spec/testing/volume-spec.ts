import { noPodVariables } from '../pod-variables.ts';
import type { VolumeSpec } from '../volume-spec.ts';

/** A specification for tests: an ECDSA key, one DNS name, and the defaults of all other attributes. */
export function testVolumeSpec(changes: Partial<VolumeSpec> = {}): VolumeSpec {
  return {
    pod: { name: 'web', namespace: 'shop', uid: 'pod-uid', serviceAccountName: 'default' },
    podVariables: noPodVariables,
    issuer: { name: 'ca', kind: 'Issuer', group: 'cert-manager.io' },
    subject: [],
    dnsNames: ['web.shop.svc'],
    uris: [],
    ipAddresses: [],
    durationMs: 3_600_000,
    renewBeforeMs: undefined,
    isCa: false,
    keyUsages: ['digital signature', 'key encipherment'],
    key: { algorithm: 'ECDSA', size: 256, encoding: 'PKCS8' },
    reusePrivateKey: false,
    files: {
      certificate: 'tls.crt',
      ca: 'ca.crt',
      privateKey: 'tls.key',
      combinedPem: undefined,
      reloadMarker: undefined,
    },
    probe: undefined,
    reload: undefined,
    rollsWorkload: false,
    trust: [],
    pkcs12: undefined,
    jks: undefined,
    fsUser: undefined,
    fsGroup: undefined,
    fileMode: 0o440,
    privateFileMode: 0o440,
    annotations: {},
    warnings: [],
    ...changes,
  };
}
