import { cp, glob, mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { busyboxImage } from '../cluster/images/base-images.ts';
import { storedImage, type StoredImage } from '../cluster/images/image-store.ts';
import { busyboxRecipe, copyWithLibraries } from '../cluster/images/test-images.ts';
import { run } from '../cluster/command.ts';
import { lazyGarbageCollection } from '../cluster/control-plane.ts';
import type { ImageRecipe } from '../cluster/images/image-recipe.ts';
import { toolPath } from '../tools/build.ts';
import { kubernetesVersion } from '../tools/modules.ts';

/** Tag of the images whose version is not kubeadm's default. */
export const addedTag = 'test';

const registry = 'registry.k8s.io';

/** Images of kubeadm's control plane by their tool. */
const programs: Readonly<Record<string, string>> = {
  'kube-apiserver': `${registry}/kube-apiserver:${kubernetesVersion}`,
  'kube-controller-manager': `${registry}/kube-controller-manager:${kubernetesVersion}`,
  'kube-scheduler': `${registry}/kube-scheduler:${kubernetesVersion}`,
  etcd: `${registry}/etcd:${addedTag}`,
  coredns: `${registry}/coredns/coredns:${addedTag}`,
};
const kubeProxyImage = `${registry}/kube-proxy:${kubernetesVersion}`;

/** The images of kubeadm's manifests by their names; missing ones are built. */
export async function controlPlaneImages(log: (line: string) => void): Promise<ReadonlyMap<string, StoredImage>> {
  const images = new Map<string, StoredImage>();
  for (const [tool, tag] of Object.entries(programs)) {
    const binary = await toolPath(tool);
    // kubeadm's manifests begin with the program's name; CoreDNS' relies on the image's entrypoint.
    const env = `PATH=/usr/local/bin GOGC=${lazyGarbageCollection.GOGC}`;
    const dockerfile = `FROM scratch\nCOPY ${tool} /usr/local/bin/${tool}\nENV ${env}\nENTRYPOINT ["${tool}"]\n`;
    const prepare = async (context: string): Promise<void> => {
      await cp(binary, join(context, tool));
      await writeFile(join(context, 'Dockerfile'), dockerfile);
    };
    images.set(tag, await storedImage({ tag, ingredients: [binary, dockerfile], prepare }, log));
  }
  return images.set(kubeProxyImage, await storedImage(await kubeProxyRecipe(), log));
}

const iptables = '/usr/sbin/xtables-nft-multi';
const iptablesNames = ['iptables', 'iptables-save', 'iptables-restore'];

/** kube-proxy with the iptables that it runs. */
async function kubeProxyRecipe(): Promise<ImageRecipe> {
  const binary = await toolPath('kube-proxy');
  const dockerfile = `FROM ${busyboxImage}\nCOPY root /\n`;
  const versions = await run(['dpkg-query', '--show', 'iptables', 'libc6']);
  const prepare = async (context: string): Promise<void> => {
    const root = join(context, 'root');
    await mkdir(join(root, 'usr/local/bin'), { recursive: true });
    await cp(binary, join(root, 'usr/local/bin', basename(binary)));
    await copyWithLibraries(iptables, root);
    for (const name of [...iptablesNames, ...iptablesNames.map((each) => each.replace('ip', 'ip6'))]) {
      await symlink(basename(iptables), join(root, 'usr/sbin', name));
    }
    // Its matches and targets are separate files, loaded by name.
    for await (const extension of glob('/usr/lib/*/xtables/*.so')) await copyWithLibraries(extension, root);
    await writeFile(join(context, 'Dockerfile'), dockerfile);
  };
  return {
    tag: kubeProxyImage,
    ingredients: [versions.stdout, binary, dockerfile, copyWithLibraries.toString()],
    bases: [await busyboxRecipe(busyboxImage)],
    prepare,
  };
}
