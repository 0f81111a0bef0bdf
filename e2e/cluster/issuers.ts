import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { clusterResourceNamespace } from './cert-manager.ts';
import { run } from './command.ts';
import type { Cluster } from './types.ts';

/** The location of an issuer: a namespace, or none for a ClusterIssuer. */
export interface IssuerPlace {
  readonly name: string;
  /** Creates an Issuer in that existing namespace; without it a ClusterIssuer. */
  readonly namespace?: string;
}

/** An issuer that is ready to sign. */
export interface TestIssuer extends IssuerPlace {
  readonly kind: 'Issuer' | 'ClusterIssuer';
}

/** An issuer with its own CA. */
export interface CaIssuer extends TestIssuer {
  /** The CA's certificate in PEM, to verify issued certificates. */
  readonly caCertificate: string;
}

/** A CA certificate and its private key, in PEM. */
export interface CaPair {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Creates an issuer with an RSA-2048 CA, by default a new one, and waits until cert-manager reports it as ready. Another
 * call for the same issuer rotates the CA.
 */
export async function createCaIssuer(cluster: Cluster, place: IssuerPlace, ca?: CaPair): Promise<CaIssuer> {
  const { certificate, key } = ca ?? (await createCa(`${place.name} test CA`));
  const secretName = `${place.name}-ca`;
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName, namespace: place.namespace ?? clusterResourceNamespace },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': certificate },
  });
  return { ...(await createIssuer(cluster, place, { ca: { secretName } })), caCertificate: certificate };
}

/** Creates an issuer whose certificates are signed with their own key. */
export function createSelfSignedIssuer(cluster: Cluster, place: IssuerPlace): Promise<TestIssuer> {
  return createIssuer(cluster, place, { selfSigned: {} });
}

async function createIssuer(cluster: Cluster, place: IssuerPlace, spec: object): Promise<TestIssuer> {
  const { name, namespace } = place;
  const kind = namespace === undefined ? 'ClusterIssuer' : 'Issuer';
  const namespaced = namespace === undefined ? {} : { namespace };
  await cluster.apply({ apiVersion: 'cert-manager.io/v1', kind, metadata: { name, ...namespaced }, spec });
  const scope = namespace === undefined ? [] : ['--namespace', namespace];
  await cluster.kubectl(['wait', '--for=condition=Ready', `${kind}/${name}`, '--timeout=60s', ...scope]);
  return { ...place, kind };
}

export async function createCa(commonName: string): Promise<CaPair> {
  const directory = await mkdtemp(join(tmpdir(), 'certfleet-ca-'));
  try {
    const [certificate, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')];
    await run([
      ...['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-keyout', key, '-out', certificate],
      ...['-days', '30', '-subj', `/CN=${commonName}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  } finally {
    await rm(directory, { recursive: true });
  }
}
