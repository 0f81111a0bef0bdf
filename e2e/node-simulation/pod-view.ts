import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Inode, MemoryTree } from './memory-tree.ts';
import type { BindMount } from './simulated-mounts.ts';

/** What a pod sees in its volume. */
export interface PodView {
  /** What is wrong with it, empty when it shows every file that was promised, and a key that fits. */
  readonly problem: string;
  /** Undefined while there is no certificate. */
  readonly notAfterMs: number | undefined;
}

const missing = (problem: string): PodView => ({ problem, notAfterMs: undefined });

/** Looks through the pod's mount, as its containers do. */
export function lookThrough(mount: BindMount | undefined, names: readonly string[]): PodView {
  if (mount === undefined) return missing('nothing is mounted at its target');
  if (!mount.isReadOnly) return missing('its mount is writable');
  const files = new Map<string, Buffer>();
  for (const name of names) {
    const inode = resolve(mount.source, name);
    if (inode?.kind !== 'file') return missing(`${name} is missing`);
    if (inode.content.length === 0 && name !== 'ca.crt') return missing(`${name} is empty`);
    files.set(name, inode.content);
  }
  return fitting(files.get('tls.crt') ?? Buffer.alloc(0), files.get('tls.key') ?? Buffer.alloc(0));
}

/** Whether the pod looks at the directory that the agent writes to, not at one that was deleted. */
export function showsVolume(mount: BindMount, tree: MemoryTree, volumeId: string): boolean {
  try {
    return tree.get(`${tree.tmpfsPath}/${volumeId}/data`, 'stat') === mount.source;
  } catch {
    return false;
  }
}

/** A file of a directory, through links within it. */
function resolve(directory: Inode, name: string, depth = 0): Inode | undefined {
  let inode: Inode | undefined = directory;
  for (const part of name.split('/')) {
    inode = inode?.entries.get(part);
    if (inode?.kind === 'link') inode = depth > 8 ? undefined : resolve(directory, inode.target, depth + 1);
  }
  return inode;
}

/** What was found of a certificate and a key, by the buffers: files are never written in place. */
const known = new WeakMap<Buffer, { readonly key: Buffer; readonly view: PodView }>();

function fitting(certificatePem: Buffer, keyPem: Buffer): PodView {
  const earlier = known.get(certificatePem);
  if (earlier?.key === keyPem) return earlier.view;
  const view = compare(certificatePem, keyPem);
  known.set(certificatePem, { key: keyPem, view });
  return view;
}

function compare(certificatePem: Buffer, keyPem: Buffer): PodView {
  try {
    const certificate = new X509Certificate(certificatePem);
    const fits = certificate.checkPrivateKey(createPrivateKey(keyPem));
    const notAfterMs = certificate.validToDate.getTime();
    return { problem: fits ? '' : 'its key does not fit its certificate', notAfterMs };
  } catch (thrown) {
    return missing(`its key or certificate cannot be read: ${String(thrown)}`);
  }
}
