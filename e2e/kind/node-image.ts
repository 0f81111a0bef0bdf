import { cp, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { debianBase, debianIngredients } from '../cluster/images/debian-base.ts';
import { storedImage, type StoredImage } from '../cluster/images/image-store.ts';
import { kernelSettings } from '../cluster/node/mounts.ts';
import { registryPort } from '../cluster/node/registry.ts';
import { nodeAddress } from '../cluster/sandbox.ts';
import { kindNodeFiles, toolPath } from '../tools/build.ts';
import { kubernetesVersion } from '../tools/modules.ts';

/** Name of kind's node image. */
export const kindNodeImage = 'kindest/node:test';

/** Directory in the node image that names the registry from which containerd pulls. */
export const registryHosts = '/etc/containerd/certs.d';
/** Every registry is the one beside dockerd. */
const anyRegistry = `[host."http://${nodeAddress}:${registryPort}"]\n  capabilities = ["pull", "resolve"]\n`;

/** What the node runs as the tests build it. */
const programs = ['kubeadm', 'kubectl', 'kubelet', 'containerd', 'containerd-shim-runc-v2', 'ctr'];

const packages = [
  ...['systemd', 'bash', 'ca-certificates', 'curl', 'jq', 'mount', 'procps', 'util-linux'],
  ...['runc', 'containernetworking-plugins'],
  ...['conntrack', 'ethtool', 'iproute2', 'iptables', 'kmod', 'socat'],
];

/**
 * kind's node image in the layout of `kind build node-image`, on a local Debian: kind's entrypoint, units and settings,
 * and Kubernetes and containerd as the tests build them. It contains no control plane images and no pod
 * network, which that command would pull: nodes pull the images from the cluster's registry, and `KindCluster` sets up
 * the network.
 */
export async function ensureKindNodeImage(log: (line: string) => void): Promise<StoredImage> {
  const files = await kindNodeFiles();
  const binaries = await Promise.all(programs.map(toolPath));
  const recipe = {
    tag: kindNodeImage,
    // The paths identify the sources from which they were built.
    ingredients: [dockerfile, ownKernelSettings, anyRegistry, files, ...binaries, ...debianIngredients(packages)],
    prepare: async (context: string): Promise<void> => {
      await cp(await debianBase(packages), join(context, 'base.tar'));
      await cp(files, join(context, 'files'), { recursive: true });
      await mkdir(join(context, 'bin'));
      for (const binary of binaries) await cp(binary, join(context, 'bin', basename(binary)));
      await writeFile(join(context, 'version'), kubernetesVersion);
      await writeFile(join(context, 'hosts.toml'), anyRegistry);
      await writeFile(join(context, 'own-kernel-settings.sh'), ownKernelSettings);
      await writeFile(join(context, 'Dockerfile'), dockerfile);
    },
  };
  return storedImage(recipe, log);
}

/** Gives a node's kubelet separate files for machine-wide settings, as on nodes of the local clusters. */
const ownKernelSettings = `#!/bin/sh
set -e
own() {
  findmnt "$1" > /dev/null && return
  mkdir -p "$(dirname "/kind/kernel$1")"
  echo "$2" > "/kind/kernel$1"
  mount --bind "/kind/kernel$1" "$1"
}
${Object.entries(kernelSettings)
  .map(([path, value]) => `own ${path} ${value}`)
  .join('\n')}
`;

/** The steps of kind's images/base/Dockerfile that a Debian with its packages still needs. */
const dockerfile = String.raw`
FROM scratch
ADD base.tar /
COPY files/etc /etc
COPY files/kind /kind
COPY files/usr /usr
COPY bin /usr/bin
COPY version /kind/version
COPY hosts.toml ${registryHosts}/_default/
COPY own-kernel-settings.sh /kind/bin/
RUN find /etc/containerd /etc/systemd/system /etc/default /etc/sysctl.d /kind -type f -exec chmod 0644 {} + \
 && chmod 0755 /kind /kind/bin /kind/bin/* /usr/local/bin/*
# What a machine starts and a container must not; the kernel's log is the machine's too.
RUN find /lib/systemd/system/sysinit.target.wants -name systemd-tmpfiles-setup.service -delete \
 && rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
          /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/basic.target.wants/* \
          /lib/systemd/system/sockets.target.wants/*udev* /lib/systemd/system/sockets.target.wants/*initctl* \
 && echo ReadKMsg=no >> /etc/systemd/journald.conf \
 && ln -sf /usr/lib/systemd/systemd /sbin/init \
 && systemctl enable kubelet.service containerd.service undo-mount-hacks.service \
 && systemctl mask systemd-binfmt.service
# Settings of the whole machine stay what they are.
RUN rm -f /usr/lib/sysctl.d/* \
 && printf '[Service]\nExecStartPre=/kind/bin/own-kernel-settings.sh\n' \
  > /etc/systemd/system/kubelet.service.d/20-own-kernel-settings.conf
# Where kind looks for what Debian has elsewhere.
RUN mkdir -p /etc/kubernetes/manifests /opt/cni \
 && ln -s /usr/lib/cni /opt/cni/bin \
 && ln -s /usr/bin/containerd /usr/local/bin/containerd \
 && ctr oci spec \
  | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
  > /etc/containerd/cri-base.json
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
`;
