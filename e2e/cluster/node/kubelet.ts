import { mkdir, writeFile } from 'node:fs/promises';

import { toolPath } from '../../tools/build.ts';
import { componentIn, type Component } from '../component.ts';
import { flags } from '../flags.ts';
import { httpProbe } from '../http-probe.ts';
import type { ClusterPki } from '../pki.ts';
import { nodeAddress, type Sandbox } from '../sandbox.ts';
import { containerdSocket } from './containerd.ts';
import { clusterDomain } from './network.ts';

const healthPort = 10248;

/** The kubelet, not yet started. Its root directory is in the node's own file system. */
export async function kubelet(sandbox: Sandbox, pki: ClusterPki, rootDirectory: string): Promise<Component> {
  await mkdir(sandbox.nodePath(rootDirectory), { recursive: true });
  await writeFile(sandbox.path('resolv.conf'), `nameserver ${nodeAddress}\n`);
  await writeFile(sandbox.path('kubelet.json'), JSON.stringify(configuration(sandbox, pki, rootDirectory)));
  const argv = [
    await toolPath('kubelet'),
    ...flags({
      config: sandbox.path('kubelet.json'),
      kubeconfig: sandbox.path('kubelet.kubeconfig'),
      'root-dir': rootDirectory,
      'hostname-override': sandbox.name,
      'node-ip': nodeAddress,
    }),
  ];
  const isReady = httpProbe(sandbox.enterNetwork, `http://127.0.0.1:${healthPort}/healthz`);
  return componentIn(sandbox.directory, sandbox.enterNode)('kubelet', argv, isReady);
}

function configuration(sandbox: Sandbox, pki: ClusterPki, rootDirectory: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      x509: { clientCAFile: pki.ca.certificate },
      webhook: { enabled: true },
      anonymous: { enabled: false },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pki.kubeletServer.certificate,
    tlsPrivateKeyFile: pki.kubeletServer.key,
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    healthzPort: healthPort,
    clusterDNS: [nodeAddress],
    clusterDomain,
    resolvConf: sandbox.path('resolv.conf'),
    cgroupDriver: 'cgroupfs',
    // Below the cluster's group, so that its pods end with it and are separate from another cluster's.
    cgroupRoot: `/${sandbox.name}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    volumePluginDir: `${rootDirectory}/volume-plugins`,
    // The machine's free disk space is not relevant for the tests.
    evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '0%', 'memory.available': '1Mi' },
    imageGCHighThresholdPercent: 100,
    // Tests with many pods would otherwise measure the default limit of 5 pulls per second.
    registryPullQPS: 0,
    // Tests kill containers many times, and would wait for the kubelet's back-off of ten seconds and more.
    crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
    maxPods: 250,
  };
}
