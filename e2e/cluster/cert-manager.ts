import { readFile } from 'node:fs/promises';

import { crdDirectory, toolPath } from '../tools/build.ts';
import type { Component } from './component.ts';
import { componentIn } from './control-plane.ts';
import { httpProbe } from './http-probe.ts';
import type { KubernetesTools } from './kubernetes-tools.ts';
import type { ClusterPki } from './pki.ts';
import type { Sandbox } from './sandbox.ts';

/** Parts of cert-manager that a test may leave out. */
export interface CertManagerOptions {
  /** Approves every request; without it requests stay pending until somebody else does. True unless told. */
  readonly approver?: boolean;
  /** Admission: writes the requester into each request and checks who may approve. True unless told. */
  readonly webhook?: boolean;
  /** Further flags of the controller, such as --controllers and --feature-gates. */
  readonly args?: readonly string[];
}

const controllerHealth = '127.0.0.1:19403';
const webhookPort = 19443;
const webhookHealthPort = 19444;

/** Namespace that holds the secrets of ClusterIssuers. */
export const clusterResourceNamespace = 'cert-manager';

export interface CertManager {
  readonly certManager: Component;
  readonly certManagerWebhook: Component;
}

/** cert-manager's controllers and webhook, not yet started. */
export async function certManagerComponents(sandbox: Sandbox, pki: ClusterPki, kubeconfig: string): Promise<CertManager> {
  const network = sandbox.enterNetwork;
  const component = componentIn(sandbox, network);
  const controller = await toolPath('cert-manager-controller');
  const webhook = await toolPath('cert-manager-webhook');
  return {
    certManager: component(
      'cert-manager-controller',
      [controller, `--kubeconfig=${kubeconfig}`, `--health-address=${controllerHealth}`],
      httpProbe(network, `http://${controllerHealth}/readyz`),
    ),
    certManagerWebhook: component(
      'cert-manager-webhook',
      [
        ...[webhook, `--kubeconfig=${kubeconfig}`, `--secure-port=${webhookPort}`, `--healthz-port=${webhookHealthPort}`],
        ...[`--tls-cert-file=${pki.webhookServer.certificate}`, `--tls-private-key-file=${pki.webhookServer.key}`],
        '--metrics-listen-address=0',
      ],
      // Any answer will do: a GET without a review is refused, by a webhook that serves.
      httpProbe(network, `http://127.0.0.1:${webhookHealthPort}/healthz`),
    ),
  };
}

/** Flags of the controller for the options of startCluster. */
export function controllerArgs(options: CertManagerOptions): readonly string[] {
  return [...(options.approver === false ? ['--without-approver'] : []), ...(options.args ?? [])];
}

/** Applies the CustomResourceDefinitions and waits until the API server serves them. */
export async function installCertManagerCrds(tools: KubernetesTools): Promise<void> {
  await tools.kubectl(['apply', '--server-side', '-f', await crdDirectory('cert-manager')]);
  await tools.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  await tools.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: clusterResourceNamespace } });
}

/** Registers the webhook with the API server, by the rules of cert-manager's own chart. */
export async function registerWebhook(tools: KubernetesTools, pki: ClusterPki): Promise<void> {
  const caBundle = (await readFile(pki.ca.certificate)).toString('base64');
  const configuration = (kind: string, path: string, rule: object): object => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: 'cert-manager-webhook' },
    webhooks: [
      {
        name: 'webhook.cert-manager.io',
        rules: [rule],
        admissionReviewVersions: ['v1'],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        clientConfig: { url: `https://127.0.0.1:${webhookPort}${path}`, caBundle },
      },
    ],
  });
  await tools.apply([
    configuration('MutatingWebhookConfiguration', '/mutate', {
      apiGroups: ['cert-manager.io'],
      apiVersions: ['v1'],
      operations: ['CREATE'],
      resources: ['certificaterequests'],
    }),
    configuration('ValidatingWebhookConfiguration', '/validate', {
      apiGroups: ['cert-manager.io', 'acme.cert-manager.io'],
      apiVersions: ['v1'],
      operations: ['CREATE', 'UPDATE'],
      resources: ['*/*'],
    }),
  ]);
}
