import type { Component } from '../component.ts';
import type { ClusterPki } from '../pki.ts';
import type { Sandbox } from '../sandbox.ts';
import { containerd } from './containerd.ts';
import { kubelet } from './kubelet.ts';
import { coreDns, kubeProxy } from './network.ts';
import { registry } from './registry.ts';
import { scheduler } from './scheduler.ts';

/** The components of a full cluster besides the control plane. */
export interface NodeComponents {
  readonly scheduler: Component;
  readonly containerd: Component;
  readonly kubelet: Component;
  readonly kubeProxy: Component;
  readonly coreDns: Component;
  readonly registry: Component;
}

/** All components that run pods, not yet started. */
export async function nodeComponents(
  sandbox: Sandbox,
  pki: ClusterPki,
  kubeletRootDir = '/var/lib/kubelet',
): Promise<NodeComponents> {
  return {
    scheduler: await scheduler(sandbox),
    containerd: await containerd(sandbox),
    kubelet: await kubelet(sandbox, pki, kubeletRootDir),
    kubeProxy: await kubeProxy(sandbox),
    coreDns: await coreDns(sandbox),
    registry: await registry(sandbox),
  };
}
