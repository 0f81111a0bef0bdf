import { mkdir, writeFile } from 'node:fs/promises';

import { toolPath } from '../../tools/build.ts';
import { componentIn, type Component } from '../component.ts';
import { run } from '../command.ts';
import type { Sandbox } from '../sandbox.ts';
import { podRange } from './network.ts';
import { registryAddress } from './registry.ts';

/** containerd's socket, a path that only exists on the node. */
export const containerdSocket = '/run/containerd/containerd.sock';

/** Name of the sandbox image in the cluster's registry. */
export const pauseImage = 'docker.io/library/pause:test';

/** containerd for the kubelet, with the cluster's registry instead of all others; not yet started. */
export async function containerd(sandbox: Sandbox): Promise<Component> {
  await writeConfiguration(sandbox);
  const argv = [await toolPath('containerd'), `--config=${sandbox.path('containerd', 'config.toml')}`];
  const ctr = await toolPath('ctr');
  return componentIn(sandbox.directory, sandbox.enterNode)('containerd', argv, () => criAnswers(sandbox, ctr));
}

/** The CRI plugin is ready last: it waits for the pod network's configuration. */
function criAnswers(sandbox: Sandbox, ctr: string): Promise<boolean> {
  const argv = [ctr, `--address=${containerdSocket}`, 'plugins', 'list', 'id==cri'];
  return run(argv, { prefix: sandbox.enterNode }).then(
    ({ stdout }) => stdout.includes('ok'),
    () => false,
  );
}

async function writeConfiguration(sandbox: Sandbox): Promise<void> {
  const directory = sandbox.path('containerd');
  // The directory _default applies to all registries, so pods can use normal image names.
  await mkdir(`${directory}/certs.d/_default`, { recursive: true });
  await mkdir(`${directory}/cni`, { recursive: true });
  const mirror = `[host."http://${registryAddress}"]\n  capabilities = ["pull", "resolve"]\n`;
  await writeFile(`${directory}/certs.d/_default/hosts.toml`, mirror);
  await writeFile(`${directory}/cni/10-pods.conflist`, JSON.stringify(podNetwork(podRange)));
  await writeFile(`${directory}/config.toml`, configuration(directory, await toolPath('containerd-shim-runc-v2')));
}

function configuration(directory: string, shim: string): string {
  return `
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs"]
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
# Its directories are the machine's.
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${pauseImage}"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "${directory}/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE a lower score is refused, and runc fails with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "${directory}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  # The machine may have another release's in its PATH.
  runtime_path = "${shim}"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
}

/**
 * Each pod has its own link to the node instead of a bridge: traffic between pods through a service then always passes
 * the node, which translates the replies.
 */
export function podNetwork(subnet: string): object {
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      { type: 'ptp', ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}
