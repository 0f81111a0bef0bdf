import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { crdDirectory, toolPath } from '../tools/build.ts';
import { clusterResourceNamespace } from './cert-manager.ts';
import { Component } from './component.ts';
import { flags } from './flags.ts';
import { httpProbe } from './http-probe.ts';
import { KubernetesTools } from './kubernetes-tools.ts';
import type { Cluster, ManagedComponent } from './types.ts';

const readyAddress = '127.0.0.1:19460';
const webhookPort = 19461;

/**
 * Installs cert-manager's approver-policy into a cluster started with `certManager: { approver: false }` and runs it
 * there. CertificateRequestPolicies then approve or deny requests.
 */
export async function startApproverPolicy(cluster: Cluster): Promise<ManagedComponent> {
  const { enterNamespace: prefix, kubeconfig, directory } = cluster;
  const logs = join(directory, 'logs');
  await mkdir(logs, { recursive: true });
  const crds = await crdDirectory('approver-policy');
  await new KubernetesTools({ prefix, kubeconfig, directory }).applyCrds(crds);
  const approverPolicy = new Component({
    name: 'approver-policy',
    prefix,
    argv: [
      await toolPath('approver-policy'),
      ...flags({
        kubeconfig,
        'metrics-bind-address': '0',
        'readiness-probe-bind-address': readyAddress,
        'webhook-port': webhookPort,
        'webhook-ca-secret-namespace': clusterResourceNamespace,
        'leader-election-namespace': clusterResourceNamespace,
      }),
    ],
    logFile: join(logs, 'approver-policy.log'),
    isReady: httpProbe(prefix, `http://${readyAddress}/readyz`),
  });
  await approverPolicy.start();
  return approverPolicy;
}
