import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { systemClock } from '@certfleet/shared/clock.ts';
import { KubeConfig } from '@kubernetes/client-node';

import { createCertificateSigningRequest } from '../../apps/node-agent/src/crypto/certificate-signing-request.ts';
import { CertManagerIssuer } from '../../apps/node-agent/src/issuance/cert-manager-issuer.ts';
import type { IssueRequest } from '../../apps/node-agent/src/issuance/certificate-issuer.ts';
import { KubeClient } from '../../libs/shared/src/kube/api-client.ts';
import type { ResponseHook } from '../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../libs/shared/src/kube/kubeconfig-credentials.ts';
import type { PodIdentity, VolumeSpec } from '../../apps/node-agent/src/spec/volume-spec.ts';
import { testVolumeSpec } from '../../apps/node-agent/src/spec/testing/volume-spec.ts';
import type { Cluster } from '../cluster/cluster.ts';

/** The agent's issuer client for a real API server. */
export interface RealIssuer extends AsyncDisposable {
  readonly issuer: CertManagerIssuer;
  readonly client: KubeClient;
}

/** Connects as the kubeconfig's user. */
export function connect(kubeconfig: string, onResponse?: ResponseHook): RealIssuer {
  const credentials = kubeconfigCredentials(kubeconfig, systemClock);
  const client = new KubeClient({ credentials, clock: systemClock, ...(onResponse && { onResponse }) });
  const issuer = new CertManagerIssuer({ client, clock: systemClock, nodeId: 'test-node' });
  issuer.start();
  return {
    issuer,
    client,
    [Symbol.asyncDispose]: async () => {
      await issuer.stop();
      client.stop();
    },
  };
}

/** Creates a namespace with a pod that never runs; requests need an owner, or the garbage collector deletes them. */
export async function createPod(cluster: Cluster, namespace: string): Promise<PodIdentity> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await cluster.kubectl(['wait', '--for=create', 'serviceaccount/default', '--namespace', namespace, '--timeout=120s']);
  const containers = [{ name: 'main', image: 'busybox' }];
  await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', namespace }, spec: { containers } });
  const { stdout } = await cluster.kubectl([
    'get',
    'pod',
    'pod',
    '--namespace',
    namespace,
    '-o',
    'jsonpath={.metadata.uid}',
  ]);
  return { name: 'pod', namespace, uid: stdout.trim(), serviceAccountName: 'default' };
}

/** A request as a volume of that pod would send it. */
export function requestFor(
  pod: PodIdentity,
  changes: Partial<IssueRequest> = {},
  issuer: Partial<VolumeSpec['issuer']> = {},
): IssueRequest {
  const caIssuer = { name: 'ca', kind: 'ClusterIssuer', group: 'cert-manager.io', ...issuer };
  const spec = testVolumeSpec({ pod, issuer: caIssuer, dnsNames: ['pod.example.com'] });
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = randomUUID();
  const csrPem = createCertificateSigningRequest({ ...spec, key });
  return { requestName: id, volumeId: `csi-${id}`, spec, csrPem, serviceAccountToken: undefined, ...changes };
}

/**
 * A kubeconfig with that token instead of the administrator's certificate.
 * @param original the kubeconfig for the network of its user; by default that of the test's process
 */
export async function kubeconfigWithToken(cluster: Cluster, token: string, original?: string): Promise<string> {
  const config = new KubeConfig();
  config.loadFromFile(original ?? (await cluster.localKubeconfig()));
  config.users = config.users.map(({ name }) => ({ name, token }));
  const path = join(cluster.directory, `${randomUUID()}.kubeconfig`);
  await writeFile(path, config.exportConfig(), { mode: 0o600 });
  return path;
}

/** Sets an approver's condition. */
export async function decide(
  cluster: Cluster,
  request: IssueRequest,
  type: 'Approved' | 'Denied',
  message: string,
): Promise<void> {
  const { namespace } = request.spec.pod;
  const condition = { type, status: 'True', reason: 'Test', message };
  const patch = JSON.stringify([{ op: 'add', path: '/status', value: { conditions: [condition] } }]);
  const target = ['certificaterequest', request.requestName, '--namespace', namespace];
  await cluster.kubectl(['patch', ...target, '--subresource=status', '--type=json', '-p', patch]);
}
