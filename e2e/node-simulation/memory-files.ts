import type { FileSystem } from '../../apps/node-agent/src/storage/file-system.ts';
import { newInode, systemError } from './memory-tree.ts';
import type { Found, Inode, MemoryTree } from './memory-tree.ts';

/** Called before each call on files, and before each entry of a recursive removal; it may throw. */
export type FileGuard = (call: string, path: string) => void;

/** Called after a change below that volume's directory. */
export type FileListener = (owner: string) => void;

const tmpfsMagic = 0x01021994;
const diskMagic = 0xef53;

/** The file calls of one process on the node's files, synchronous like the system's. */
export class MemoryFiles {
  readonly #tree: MemoryTree;
  readonly #guard: FileGuard;
  readonly #onChange: FileListener;
  readonly #open = new Map<number, { readonly inode: Inode; readonly path: string }>();
  #nextDescriptor = 3;

  constructor(tree: MemoryTree, guard: FileGuard, onChange: FileListener) {
    this.#tree = tree;
    this.#guard = guard;
    this.#onChange = onChange;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  /** The calls in the form that the agent's code expects. */
  get calls(): FileSystem {
    const methods = this as unknown as Readonly<Record<string, (...values: unknown[]) => unknown>>;
    const bound = Object.fromEntries(callNames.map((name) => [name, methods[name]?.bind(this)]));
    return bound as unknown as FileSystem;
  }

  existsSync(path: string): boolean {
    try {
      this.#guard('exists', path);
      return this.#tree.find(path, 'exists', true).inode !== undefined;
    } catch (thrown) {
      // Node's own call treats every error as false; only the end of the process is rethrown.
      if (isSystemError(thrown)) return false;
      throw thrown;
    }
  }

  lstatSync(path: string, options?: { readonly throwIfNoEntry?: boolean }): Stats | undefined {
    return this.#stat(path, options, false);
  }

  statSync(path: string, options?: { readonly throwIfNoEntry?: boolean }): Stats | undefined {
    return this.#stat(path, options, true);
  }

  mkdirSync(path: string, options: { readonly recursive?: boolean; readonly mode?: number } = {}): string | undefined {
    this.#guard('mkdir', path);
    if (options.recursive === true) return this.#makeDirectories(path, options.mode);
    const found = this.#tree.find(path, 'mkdir');
    if (found.inode !== undefined) throw systemError('EEXIST', 'mkdir', path);
    this.#add(found, newInode('directory', options.mode ?? 0o755, found.parent));
    return undefined;
  }

  openSync(path: string, flags: string | number = 'r', mode = 0o666): number {
    this.#guard('open', path);
    const found = this.#tree.find(path, 'open', true);
    const inode = found.inode ?? newInode('file', mode, found.parent);
    const isWrite = typeof flags === 'string' && flags.startsWith('w');
    if (found.inode === undefined) {
      if (!isWrite) throw systemError('ENOENT', 'open', path);
      this.#add(found, inode);
    } else if (isWrite) {
      if (flags.includes('x')) throw systemError('EEXIST', 'open', path);
      this.#write(inode, Buffer.alloc(0), path);
    }
    const descriptor = this.#nextDescriptor++;
    this.#open.set(descriptor, { inode, path });
    return descriptor;
  }

  closeSync(descriptor: number): void {
    this.#open.delete(descriptor);
    this.#guard('close', `descriptor ${descriptor}`);
  }

  writeFileSync(file: string | number, data: string | Uint8Array): void {
    if (typeof file === 'string') {
      const descriptor = this.openSync(file, 'w');
      try {
        this.writeFileSync(descriptor, data);
      } finally {
        this.closeSync(descriptor);
      }
      return;
    }
    const { inode, path } = this.#opened(file, 'write');
    this.#guard('write', path);
    this.#write(inode, Buffer.from(data), path);
  }

  readFileSync(file: string | number, options?: string | { readonly encoding?: string }): string | Buffer {
    const { inode, path } =
      typeof file === 'number'
        ? this.#opened(file, 'read')
        : { inode: (this.#guard('read', file), this.#tree.get(file, 'open', true)), path: file };
    if (inode.kind !== 'file') throw systemError('EISDIR', 'read', path);
    const encoding = typeof options === 'string' ? options : options?.encoding;
    return encoding === undefined ? Buffer.from(inode.content) : inode.content.toString(encoding as BufferEncoding);
  }

  readdirSync(path: string, options?: { readonly withFileTypes?: boolean }): string[] | DirectoryEntry[] {
    this.#guard('readdir', path);
    const inode = this.#tree.get(path, 'scandir', true);
    if (inode.kind !== 'directory') throw systemError('ENOTDIR', 'scandir', path);
    if (options?.withFileTypes !== true) return [...inode.entries.keys()];
    return [...inode.entries].map(([name, { kind }]) => ({ name, parentPath: path, ...kindOf(kind) }));
  }

  readlinkSync(path: string): string {
    this.#guard('readlink', path);
    const inode = this.#tree.get(path, 'readlink');
    if (inode.kind !== 'link') throw systemError('EINVAL', 'readlink', path);
    return inode.target;
  }

  realpathSync(path: string): string {
    this.#guard('realpath', path);
    this.#tree.get(path, 'realpath', true);
    return path;
  }

  symlinkSync(target: string, path: string): void {
    this.#guard('symlink', path);
    const found = this.#tree.find(path, 'symlink');
    if (found.inode !== undefined) throw systemError('EEXIST', 'symlink', path);
    this.#add(found, newInode('link', 0o777, found.parent, target));
  }

  renameSync(from: string, to: string): void {
    this.#guard('rename', to);
    const source = this.#tree.find(from, 'rename');
    const target = this.#tree.find(to, 'rename');
    if (source.inode === undefined) throw systemError('ENOENT', 'rename', from);
    if (this.#isBusy(source.inode) || this.#isBusy(target.inode)) throw systemError('EBUSY', 'rename', to);
    if (target.inode !== undefined && target.inode.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to);
    if (target.inode !== undefined && (target.inode.kind === 'directory') !== (source.inode.kind === 'directory'))
      throw systemError(target.inode.kind === 'directory' ? 'EISDIR' : 'ENOTDIR', 'rename', to);
    const before = source.inode.owner;
    this.#tree.move(source, target);
    this.#changed(before);
    this.#changed(source.inode.owner);
  }

  unlinkSync(path: string): void {
    this.#guard('unlink', path);
    const found = this.#tree.find(path, 'unlink');
    if (found.inode === undefined) throw systemError('ENOENT', 'unlink', path);
    if (found.inode.kind === 'directory') throw systemError('EISDIR', 'unlink', path);
    this.#remove(found);
  }

  rmdirSync(path: string): void {
    this.#guard('rmdir', path);
    this.#removeDirectory(this.#tree.find(path, 'rmdir'), path);
  }

  rmSync(path: string, { recursive = false, force = false } = {}): void {
    this.#guard('rm', path);
    let found: Found;
    try {
      found = this.#tree.find(path, 'rm');
      if (found.inode === undefined) throw systemError('ENOENT', 'rm', path);
    } catch (thrown) {
      if (force && (thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw thrown;
    }
    if (found.inode.kind === 'directory' && !recursive) throw systemError('EISDIR', 'rm', path);
    this.#removeAll(found, path);
  }

  chmodSync(path: string, mode: number): void {
    this.#guard('chmod', path);
    this.#change(this.#tree.get(path, 'chmod', true), { mode });
  }

  chownSync(path: string, _uid: number, gid: number): void {
    this.#guard('chown', path);
    this.#change(this.#tree.get(path, 'chown', true), { gid });
  }

  fchmodSync(descriptor: number, mode: number): void {
    const { inode, path } = this.#opened(descriptor, 'fchmod');
    this.#guard('fchmod', path);
    this.#change(inode, { mode });
  }

  fchownSync(descriptor: number, _uid: number, gid: number): void {
    const { inode, path } = this.#opened(descriptor, 'fchown');
    this.#guard('fchown', path);
    this.#change(inode, { gid });
  }

  statfsSync(path: string): { type: number; bsize: number; blocks: number; bfree: number; bavail: number } {
    this.#guard('statfs', path);
    const { isTmpfs } = this.#tree.get(path, 'statfs', true);
    const blocks = Math.floor(this.#tree.tmpfsBytes / 4096);
    const bfree = Math.max(0, Math.floor((this.#tree.tmpfsBytes - this.#tree.usedBytes) / 4096));
    return { type: isTmpfs ? tmpfsMagic : diskMagic, bsize: 4096, blocks, bfree, bavail: bfree };
  }

  #stat(path: string, options: { readonly throwIfNoEntry?: boolean } | undefined, follow: boolean): Stats | undefined {
    this.#guard('stat', path);
    const { inode } = this.#tree.find(path, 'stat', follow);
    if (inode !== undefined) return statsOf(inode);
    if (options?.throwIfNoEntry === false) return undefined;
    throw systemError('ENOENT', 'stat', path);
  }

  #makeDirectories(path: string, mode = 0o777): string | undefined {
    let first: string | undefined;
    const names = path.split('/').slice(1);
    for (const index of names.keys()) {
      const partial = `/${names.slice(0, index + 1).join('/')}`;
      const found = this.#tree.find(partial, 'mkdir', true);
      if (found.inode !== undefined && found.inode.kind !== 'directory') throw systemError('ENOTDIR', 'mkdir', partial);
      if (found.inode !== undefined) continue;
      this.#add(found, newInode('directory', mode, found.parent));
      first ??= partial;
    }
    return first;
  }

  #removeAll(found: Found, path: string): void {
    const { inode: parent } = found;
    if (parent?.kind !== 'directory') {
      this.#remove(found);
      return;
    }
    for (const [name, inode] of parent.entries) {
      this.#guard('rm', `${path}/${name}`);
      this.#removeAll({ parent, name, inode }, `${path}/${name}`);
    }
    this.#removeDirectory(found, path);
  }

  #removeDirectory(found: Found, path: string): void {
    if (found.inode === undefined) throw systemError('ENOENT', 'rmdir', path);
    if (found.inode.kind !== 'directory') throw systemError('ENOTDIR', 'rmdir', path);
    if (this.#isBusy(found.inode)) throw systemError('EBUSY', 'rmdir', path);
    if (found.inode.entries.size > 0) throw systemError('ENOTEMPTY', 'rmdir', path);
    this.#remove(found);
  }

  #isBusy(inode: Inode | undefined): boolean {
    return inode !== undefined && this.#tree.busy.has(inode);
  }

  #opened(descriptor: number, call: string): { readonly inode: Inode; readonly path: string } {
    const opened = this.#open.get(descriptor);
    if (opened === undefined) throw systemError('EBADF', call, `descriptor ${descriptor}`);
    return opened;
  }

  #add(found: Found, inode: Inode): void {
    this.#tree.add(found, inode);
    this.#changed(inode.owner);
  }

  #remove(found: Found): void {
    this.#tree.remove(found);
    this.#changed(found.inode?.owner);
  }

  #write(inode: Inode, content: Buffer, path: string): void {
    this.#tree.write(inode, content, path);
    this.#changed(inode.owner);
  }

  #change(inode: Inode, change: Partial<Pick<Inode, 'mode' | 'gid'>>): void {
    Object.assign(inode, change);
    this.#changed(inode.owner);
  }

  #changed(owner: string | undefined): void {
    if (owner !== undefined) this.#onChange(owner);
  }
}

interface Stats {
  readonly mode: number;
  readonly gid: number;
  readonly uid: number;
  readonly size: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

type DirectoryEntry = { readonly name: string; readonly parentPath: string } & ReturnType<typeof kindOf>;

function kindOf(kind: Inode['kind']): Pick<Stats, 'isFile' | 'isDirectory' | 'isSymbolicLink'> {
  return {
    isFile: () => kind === 'file',
    isDirectory: () => kind === 'directory',
    isSymbolicLink: () => kind === 'link',
  };
}

const typeBits = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const;

function statsOf({ kind, mode, gid, content }: Inode): Stats {
  return { mode: mode | typeBits[kind], gid, uid: 0, size: content.length, ...kindOf(kind) };
}

function isSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && 'errno' in thrown;
}

const callNames = [
  'chmodSync',
  'chownSync',
  'closeSync',
  'existsSync',
  'fchmodSync',
  'fchownSync',
  'lstatSync',
  'mkdirSync',
  'openSync',
  'readdirSync',
  'readFileSync',
  'readlinkSync',
  'realpathSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
  'statSync',
  'statfsSync',
  'symlinkSync',
  'unlinkSync',
  'writeFileSync',
] as const;
