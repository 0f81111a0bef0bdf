import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { crdDirectory, toolPath } from '../tools/build.ts';
import {
  certManagerController,
  controllerArgs,
  installCertManagerCrds,
  type CertManagerOptions,
} from './cert-manager.ts';
import { run } from './command.ts';
import type { Component } from './component.ts';
import { KubernetesTools, type ApiAccess } from './kubernetes-tools.ts';
import type { Capabilities, Cluster, ClusterOptions } from './types.ts';
import { UnavailableError, withUnavailable } from './unavailable.ts';

const reason = 'the cluster of CERTFLEET_E2E_KUBECONFIG is not controlled by the tests';

/**
 * The cluster object for an external cluster.
 *
 * @param prefix argv prefix of a process that can reach the kubeconfig's server; empty by default
 */
export async function connectExternalCluster(
  kubeconfig: string,
  options: ClusterOptions,
  prefix: readonly string[] = [],
): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), 'certfleet-external-'));
  const access = { prefix, kubeconfig, directory };
  const tools = new KubernetesTools(access, installedOrBuilt);
  const [nodeName = ''] = (await tools.kubectl(['get', 'nodes', '--output', 'name'])).stdout.split('\n');
  const certManager = await runMissingCertManager(tools, access, options.certManager ?? {});
  const stop = async (): Promise<void> => {
    if (certManager !== null) {
      await certManager.stop();
      await tools.kubectl(['delete', '--ignore-not-found', '-f', await crdDirectory('cert-manager')]);
    }
    await rm(directory, { recursive: true, force: true });
  };
  const unavailable = (what: string): Promise<never> => Promise.reject(new UnavailableError(what, reason));
  return {
    ...withUnavailable(certManager === null ? {} : { certManager }, reason),
    name: 'external',
    nodeName: nodeName.replace('node/', ''),
    kubeconfig,
    directory,
    enterNamespace: prefix,
    capabilities: capabilitiesOf(certManager !== null || isDefault(options.certManager)),
    kubectl: (args, commandOptions) => tools.kubectl(args, commandOptions),
    helm: (args, commandOptions) => tools.helm(args, commandOptions),
    apply: (manifest) => tools.apply(manifest),
    createNamespace: (name) => tools.createNamespace(name),
    exec: () => unavailable('running commands on the node'),
    nodePath: () => {
      throw new UnavailableError('the file system of the node', reason);
    },
    forward: () => unavailable('a forward into the network of the node'),
    // That network is this process's own.
    localKubeconfig: () => Promise.resolve(kubeconfig),
    buildImages: () => unavailable('building images'),
    // Its pods pull them from their registries.
    loadBaseImages: () => Promise.resolve(),
    logs: (component) => {
      throw new UnavailableError(`the log of ${component}`, reason);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function capabilitiesOf(certManagerOptions: boolean): Capabilities {
  return { components: false, pods: true, images: false, node: false, certManagerOptions, reason };
}

function isDefault(options: ClusterOptions['certManager']): boolean {
  return options === undefined || (options !== false && options.approver !== false && options.args === undefined);
}

/** Runs cert-manager's controllers here if the cluster has no cert-manager; null if it has one, or needs none. */
async function runMissingCertManager(
  tools: KubernetesTools,
  access: ApiAccess,
  certManager: CertManagerOptions | false,
): Promise<Component | null> {
  const crd = 'customresourcedefinition/certificaterequests.cert-manager.io';
  const { stdout } = await tools.kubectl(['get', crd, '--ignore-not-found', '--output', 'name']);
  if (certManager === false || stdout !== '') return null;
  await mkdir(join(access.directory, 'logs'));
  await installCertManagerCrds(tools);
  const controller = await certManagerController(access);
  await controller.start(controllerArgs(certManager));
  return controller;
}

/** Prefers installed tools: a user with a cluster usually has kubectl, and building it takes minutes. */
async function installedOrBuilt(tool: string): Promise<string> {
  return run(['sh', '-c', 'command -v "$0"', tool]).then(
    ({ stdout }) => stdout.trim(),
    () => toolPath(tool),
  );
}
