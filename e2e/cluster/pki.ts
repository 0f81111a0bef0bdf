import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from './command.ts';
import { nodeAddress, type Sandbox } from './sandbox.ts';

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** All keys and certificates of a cluster, as files. */
export interface ClusterPki {
  readonly ca: KeyPair;
  /** Private key that signs service account tokens. */
  readonly serviceAccountKey: string;
  readonly apiServer: KeyPair;
  readonly apiServerKubeletClient: KeyPair;
  readonly kubeletServer: KeyPair;
  readonly webhookServer: KeyPair;
  /** The clients of kubeconfigs. */
  readonly clients: Readonly<Record<ClientName, KeyPair>>;
}

export type ClientName =
  'admin' | 'controllerManager' | 'scheduler' | 'kubelet' | 'kubeProxy' | 'certManager' | 'coreDns';

/** The first address of the service range, which the API server uses for its own service. */
const kubernetesServiceAddress = '10.96.0.1';

// openssl's default section would make every certificate a CA.
const opensslConfig = `
[req]
distinguished_name = subject
[subject]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
[leaf]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth, clientAuth
`;

/** Creates a cluster's certificate authority and the credentials of its components. */
export async function createPki(sandbox: Sandbox): Promise<ClusterPki> {
  const directory = sandbox.path('pki');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'openssl.cnf'), opensslConfig);
  const ca = await issue(directory, { file: 'ca', subject: '/CN=certfleet-test-cluster' });
  const leaf = (file: string, subject: string, names?: string): Promise<KeyPair> =>
    issue(directory, { file, subject, issuer: ca, ...(names === undefined ? {} : { names }) });
  const loopback = 'DNS:localhost,IP:127.0.0.1';
  const service =
    'DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local';

  const clients: [ClientName, string][] = [
    ['admin', '/O=system:masters/CN=kubernetes-admin'],
    ['controllerManager', '/CN=system:kube-controller-manager'],
    ['scheduler', '/CN=system:kube-scheduler'],
    ['kubelet', `/O=system:nodes/CN=system:node:${sandbox.name}`],
    ['kubeProxy', '/CN=system:kube-proxy'],
    ['certManager', '/O=system:masters/CN=system:serviceaccount:cert-manager:cert-manager'],
    ['coreDns', '/O=system:masters/CN=system:serviceaccount:kube-system:coredns'],
  ];
  const serviceAccountKey = join(directory, 'service-account.key');
  const [apiServer, apiServerKubeletClient, kubeletServer, webhookServer, ...clientPairs] = await Promise.all([
    leaf('apiserver', '/CN=kube-apiserver', `${loopback},IP:${nodeAddress},IP:${kubernetesServiceAddress},${service}`),
    leaf('apiserver-kubelet-client', '/O=system:masters/CN=kube-apiserver-kubelet-client'),
    leaf('kubelet-server', `/O=system:nodes/CN=system:node:${sandbox.name}`, `DNS:${sandbox.name},IP:${nodeAddress}`),
    leaf('webhook', '/CN=cert-manager-webhook', loopback),
    ...clients.map(([name, subject]) => leaf(name, subject)),
    run(['openssl', 'genrsa', '-out', serviceAccountKey, '2048']),
  ]);
  return {
    ca,
    serviceAccountKey,
    apiServer,
    apiServerKubeletClient,
    kubeletServer,
    webhookServer,
    clients: Object.fromEntries(clients.map(([name], index) => [name, clientPairs[index]])) as ClusterPki['clients'],
  };
}

interface CertificateOrder {
  readonly file: string;
  readonly subject: string;
  /** Signs the certificate; without it the certificate is a self-signed CA. */
  readonly issuer?: KeyPair;
  /** subjectAltName in openssl's notation. */
  readonly names?: string;
}

async function issue(directory: string, { file, subject, issuer, names }: CertificateOrder): Promise<KeyPair> {
  const pair = { certificate: join(directory, `${file}.crt`), key: join(directory, `${file}.key`) };
  await run([
    ...['openssl', 'req', '-x509', '-config', join(directory, 'openssl.cnf'), '-days', '30', '-subj', subject],
    ...[
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-noenc',
      '-keyout',
      pair.key,
      '-out',
      pair.certificate,
    ],
    ...(issuer === undefined
      ? ['-extensions', 'ca']
      : ['-extensions', 'leaf', '-CA', issuer.certificate, '-CAkey', issuer.key]),
    ...(names === undefined ? [] : ['-addext', `subjectAltName=${names}`]),
  ]);
  return pair;
}

/** A self-contained kubeconfig. */
export async function kubeconfigOf(server: string, pki: ClusterPki, client: ClientName): Promise<string> {
  const embedded = async (path: string): Promise<string> => (await readFile(path)).toString('base64');
  const { certificate, key } = pki.clients[client];
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': await embedded(pki.ca.certificate) } }],
    users: [
      {
        name: client,
        user: { 'client-certificate-data': await embedded(certificate), 'client-key-data': await embedded(key) },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: client } }],
    'current-context': 'test',
  });
}
