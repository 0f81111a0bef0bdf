import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { crdDirectory, toolPath } from '../tools/build.ts';
import { clusterResourceNamespace } from './cert-manager.ts';
import { Component } from './component.ts';
import { httpProbe } from './http-probe.ts';
import type { Cluster, ManagedComponent } from './types.ts';

const readyAddress = '127.0.0.1:19460';
const webhookPort = 19461;

/**
 * Installs cert-manager's approver-policy into a cluster that was started with `certManager: { approver: false }`, and
 * runs it there. Requests are then approved or denied by CertificateRequestPolicies.
 */
export async function startApproverPolicy(cluster: Cluster): Promise<ManagedComponent> {
  const logs = join(cluster.directory, 'logs');
  await mkdir(logs, { recursive: true });
  await cluster.kubectl(['apply', '--server-side', '-f', await crdDirectory('approver-policy')]);
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  const approverPolicy = new Component({
    name: 'approver-policy',
    prefix: cluster.enterNamespace,
    argv: [
      ...[await toolPath('approver-policy'), `--kubeconfig=${cluster.kubeconfig}`, '--metrics-bind-address=0'],
      ...[`--readiness-probe-bind-address=${readyAddress}`, `--webhook-port=${webhookPort}`],
      ...[
        `--leader-election-namespace=${clusterResourceNamespace}`,
        `--webhook-ca-secret-namespace=${clusterResourceNamespace}`,
      ],
    ],
    logFile: join(logs, 'approver-policy.log'),
    isReady: httpProbe(cluster.enterNamespace, `http://${readyAddress}/readyz`),
  });
  await approverPolicy.start();
  return approverPolicy;
}
