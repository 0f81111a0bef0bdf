import { mkdir, writeFile } from 'node:fs/promises';

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
  const argv = ['containerd', `--config=${sandbox.path('containerd', 'config.toml')}`];
  return componentIn(sandbox.directory, sandbox.enterNode)('containerd', argv, () => criAnswers(sandbox));
}

/** The CRI plugin is ready last: it waits for the pod network's configuration. */
function criAnswers(sandbox: Sandbox): Promise<boolean> {
  const argv = ['ctr', `--address=${containerdSocket}`, 'plugins', 'list', 'id==cri'];
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
  await writeFile(`${directory}/config.toml`, configuration(directory));
}

function configuration(directory: string): string {
  return `
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE a lower score is refused, and runc fails with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${directory}/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${directory}/certs.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
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
