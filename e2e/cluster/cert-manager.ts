import { readFile } from 'node:fs/promises';

import { crdDirectory, toolPath } from '../tools/build.ts';
import { CommandError } from './command.ts';
import { componentIn, type Component } from './component.ts';
import { flags } from './flags.ts';
import { httpProbe } from './http-probe.ts';
import type { ApiAccess, KubernetesTools } from './kubernetes-tools.ts';
import type { ClusterPki, KeyPair } from './pki.ts';

/** Optional parts of cert-manager. */
export interface CertManagerOptions {
  /** Approves every request; without it requests stay pending until something else approves them. True by default. */
  readonly approver?: boolean;
  /** Admission: records the requester in each request and checks who may approve. True by default. */
  readonly webhook?: boolean;
  /** Additional flags of the controller, such as --controllers and --feature-gates. */
  readonly args?: readonly string[];
}

const controllerHealth = '127.0.0.1:19403';
const webhookPort = 19443;
const webhookHealthPort = 19444;

/** Namespace with the secrets of ClusterIssuers. */
export const clusterResourceNamespace = 'cert-manager';

/** cert-manager's controllers, not yet started. */
export async function certManagerController({ prefix, kubeconfig, directory }: ApiAccess): Promise<Component> {
  const argv = [
    await toolPath('cert-manager-controller'),
    ...flags({ kubeconfig, 'health-address': controllerHealth }),
  ];
  const isReady = httpProbe(prefix, `http://${controllerHealth}/readyz`);
  return componentIn(directory, prefix)('cert-manager-controller', argv, isReady);
}

async function webhookComponent({ prefix, kubeconfig, directory }: ApiAccess, serving: KeyPair): Promise<Component> {
  const argv = [
    await toolPath('cert-manager-webhook'),
    ...flags({
      kubeconfig,
      'secure-port': webhookPort,
      'healthz-port': webhookHealthPort,
      'metrics-listen-address': '0',
      'tls-cert-file': serving.certificate,
      'tls-private-key-file': serving.key,
    }),
  ];
  const isReady = httpProbe(prefix, `http://127.0.0.1:${webhookHealthPort}/healthz`);
  return componentIn(directory, prefix)('cert-manager-webhook', argv, isReady);
}

/** Flags of the controller for the options of startCluster. */
export function controllerArgs(options: CertManagerOptions): readonly string[] {
  return [...(options.approver === false ? ['--without-approver'] : []), ...(options.args ?? [])];
}

/** Installs cert-manager into a local cluster and starts it. */
export async function startCertManager(
  access: ApiAccess,
  tools: KubernetesTools,
  pki: ClusterPki,
  options: CertManagerOptions,
): Promise<{ certManager: Component; certManagerWebhook: Component }> {
  const certManager = await certManagerController(access);
  const certManagerWebhook = await webhookComponent(access, pki.webhookServer);
  const startWebhook = async (): Promise<void> => {
    await certManagerWebhook.start();
    await registerWebhook(tools, pki.ca);
  };
  await installCertManagerCrds(tools);
  await Promise.all([certManager.start(controllerArgs(options)), options.webhook === false ? null : startWebhook()]);
  return { certManager, certManagerWebhook };
}

/** Creates cert-manager's namespace and its CustomResourceDefinitions, and waits until the API server serves them. */
export async function installCertManagerCrds(tools: KubernetesTools): Promise<void> {
  const createNamespace = tools.kubectl(['create', 'namespace', clusterResourceNamespace]).catch((error: unknown) => {
    // An external cluster may still have it from an earlier run.
    if (!(error instanceof CommandError && error.stderr.includes('AlreadyExists'))) throw error;
  });
  await Promise.all([createNamespace, tools.applyCrds(await crdDirectory('cert-manager'))]);
}

/** Registers the webhook with the API server, with the rules of cert-manager's chart. */
async function registerWebhook(tools: KubernetesTools, ca: KeyPair): Promise<void> {
  const caBundle = (await readFile(ca.certificate)).toString('base64');
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
