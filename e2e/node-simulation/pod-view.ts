import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Inode, MemoryTree } from './memory-tree.ts';
import type { KeystorePlan, VolumePlan } from './scenario.ts';
import type { BindMount } from './simulated-mounts.ts';

/** A pod's view of its volume. */
export interface PodView {
  /** The problem; empty when every expected file is there and the key matches. */
  readonly problem: string;
  /** Undefined without a certificate. */
  readonly notAfterMs: number | undefined;
  /** The certificate's alternative names, as Node prints them. */
  readonly names?: string | undefined;
  /** Of the keystore, if the volume has one. */
  readonly keystorePassword?: string;
}

const missing = (problem: string): PodView => ({ problem, notAfterMs: undefined });

/** Reads through the pod's mount, as its containers do. */
export function lookThrough(mount: BindMount | undefined, plan: Pick<VolumePlan, 'files' | 'keystore'>): PodView {
  const { files: names, keystore } = plan;
  if (mount === undefined) return missing('nothing is mounted at its target');
  if (!mount.isReadOnly) return missing('its mount is writable');
  const files = new Map<string, Buffer>();
  for (const name of names) {
    const inode = resolve(mount.source, name);
    if (inode?.kind !== 'file') return missing(`${name} is missing`);
    if (inode.content.length === 0 && name !== 'ca.crt') return missing(`${name} is empty`);
    files.set(name, inode.content);
  }
  const view = fitting(files.get('tls.crt') ?? Buffer.alloc(0), files.get('tls.key') ?? Buffer.alloc(0));
  if (keystore === undefined || view.problem !== '') return view;
  const keystorePassword = passwordOf(keystore, files);
  const problem = keystoreProblem(files, keystore, keystorePassword);
  return { ...view, problem, keystorePassword };
}

function passwordOf({ password }: KeystorePlan, files: ReadonlyMap<string, Buffer>): string {
  return 'text' in password ? password.text : (files.get(password.file)?.toString() ?? '');
}

/** Cached results of keystores, by their buffers. */
const opened = new WeakMap<
  Buffer,
  { readonly password: string; readonly certificate: Buffer; readonly problem: string }
>();

/** Opens the keystore like a Java server. OpenSSL compares its key and certificate. */
function keystoreProblem(files: ReadonlyMap<string, Buffer>, { file }: KeystorePlan, password: string): string {
  const pfx = files.get(file) ?? Buffer.alloc(0);
  const certificate = files.get('tls.crt') ?? Buffer.alloc(0);
  const earlier = opened.get(pfx);
  if (earlier?.password === password && earlier.certificate === certificate) return earlier.problem;
  const problem = openKeystore(pfx, password, certificate);
  opened.set(pfx, { password, certificate, problem });
  return problem;
}

function openKeystore(pfx: Buffer, passphrase: string, certificatePem: Buffer): string {
  try {
    // Node's types omit this method of its TLS code: it returns the leaf as DER.
    const context = createSecureContext({ pfx, passphrase }).context as { getCertificate(): Buffer | null };
    const isSame = context.getCertificate()?.equals(new X509Certificate(certificatePem).raw) === true;
    return isSame ? '' : 'its keystore holds another certificate';
  } catch (thrown) {
    return `its keystore cannot be opened: ${String(thrown)}`;
  }
}

/** Whether the pod sees the directory to which the agent writes, and not a deleted one. */
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

/** Cached results of certificates and keys, by their buffers: files are never written in place. */
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
    const problem = fits ? '' : 'its key does not match its certificate';
    return { problem, notAfterMs, names: certificate.subjectAltName };
  } catch (thrown) {
    return missing(`its key or certificate cannot be read: ${String(thrown)}`);
  }
}
